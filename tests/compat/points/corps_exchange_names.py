"""Two Corps of one script get each other's Names and call each other, also from their Concs."""

from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    left = create_Corps(Team, 'left', Tag='Left', ConfigDicts=[{'NumEnvs': 2}])
    right = create_Corps(Team, 'right', Tag='Right', ConfigDicts=[{'NumEnvs': 2}])
    assert left.label_of(right).Ret == 'right'
    assert right.label_of(left).Ret == 'left'
    assert left.labels_by_workers(right).Ret == ['right'] * 2
    assert right.labels_by_workers(left.my_ExtName().Ret).Ret == ['left'] * 2
    for name in (right.echo(left).Ret, left.echo({'names': [left, (right,)]}).Ret['names'][0]):
        assert f'{name}' == f'{left}'
        assert name.get_label().Ret == 'left'
    assert left.exit().Ret is True
    assert right.get_label().Ret == 'right'
    assert right.exit().Ret is True
    print('OK')

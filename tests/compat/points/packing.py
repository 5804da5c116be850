"""Packer: versions() is a line of text, unpack() gives back what pack() took, also Names."""

import Packer
from Workers import create_Corps
from team import Team

if __name__ == '__main__':
    text = Packer.versions()
    assert isinstance(text, str) and text.strip() and '\n' not in text.strip()
    print(text)
    for thing in (None, 0, 'text', b'bytes', [1, (2, {'a': {3}})], ValueError('x').args, len):
        packed = Packer.pack(thing)
        assert isinstance(packed, bytes)
        assert Packer.unpack(packed) == thing
    corps = create_Corps(Team, ConfigDicts=[{'NumEnvs': 1}])
    again = Packer.unpack(Packer.pack(corps))
    assert f'{again}' == f'{corps}'
    assert again.get_label().Ret == 'team'
    corps.exit()
    print('OK')

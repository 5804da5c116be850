"""What the programs of a trial share: the cell as they are told it, and how they print what was measured."""

import json
import os
import sys

import lab_histogram

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cell'))
import keys  # noqa: E402


def read_cell(arguments):
    """key=value … as a dict."""
    cell = dict(argument.split('=', 1) for argument in arguments)
    cell.update((key, int(cell[key])) for key in keys.NUMBERS)
    return cell


def params_of(cell, pids, names, index=0):
    """What a driver is told, in either language: see workloads/params.c."""
    told = {key['name']: os.fsencode(cell[key['name']]) if 'raw' in key else cell[key['name']] for key in keys.KEYS}
    return {**told, 'spin': cell['wake'] == 'spin', 'by_reference': cell.get('by_reference') == '1', 'discards': False,
            'index': index, 'pids': pids, 'names': names}


def printable(result):
    """JSON has no bytes."""
    result = dict(result, histogram=lab_histogram.pairs(result['histogram']))
    if 'path' in result:
        result['path'] = os.fsdecode(result['path']).encode('utf-8', 'replace').decode()
    return result


def main(arguments, run):
    """What is printed besides goes to standard error, that of the Envs too, so that the object stands alone."""
    answers = os.dup(1)
    os.dup2(2, 1)
    try:
        answer = printable(run(read_cell(arguments)))
    except Exception as error:
        kind = getattr(error, 'TypeName', type(error).__name__)  # what a Conc raised, not how that came here
        lines = str(getattr(error, 'Value', error)).strip().splitlines() or ['no reason given']
        answer = {'error': f'{kind}: {lines[0]}'}
    with open(answers, 'w', encoding='utf-8') as file:
        json.dump(answer, file)
    return 1 if 'error' in answer else 0

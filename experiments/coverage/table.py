"""Tables of what was measured: cells that arrived faithfully, by serializer and home, outcome, group, and between versions."""
import gzip
import json

import carriers

OUTCOMES = ('ok', 'silently wrong', 'data loss', 'refused at dump', 'refused at load', 'hang', 'crash', 'not run')


class BadCoverage(Exception):
    """What is wrong with a file, in one line."""


def read(paths):
    """(what the runs say of themselves, one dict a cell). Raises BadCoverage."""
    runs, cells = [], []
    for path in paths:
        try:
            with (gzip.open if path.endswith('.gz') else open)(path, 'rt', encoding='utf-8') as file:
                for number, line in enumerate(file, 1):
                    record = json.loads(line)
                    kind = record.get('kind') if isinstance(record, dict) else None
                    if kind == 'coverage-run' and record.get('schema') == 1:
                        runs.append(record)
                    elif kind == 'coverage' and record.get('outcome') in OUTCOMES:
                        cells.append(record)
                    else:
                        raise BadCoverage('%s:%d: no line of corps-lab coverage, schema 1' % (path, number))
        except (ValueError, EOFError, UnicodeDecodeError):
            raise BadCoverage('%s: a line is cut short or damaged' % path)
        except OSError as error:
            raise BadCoverage('%s: %s' % (path, error.strerror or error))
    if not cells:
        raise BadCoverage('%s: there is nothing in it' % ', '.join(paths))
    return runs, cells


def in_order(values):
    return list(dict.fromkeys(values))


def serializers_of(cells):
    found = in_order(cell['serializer'] for cell in cells)
    return sorted(found, key=lambda name: list(carriers.CARRIERS).index(name) if name in carriers.CARRIERS else len(found))


def grid(title, rows, columns, text):
    """Lines of a table; text(row, column) gives a cell, '' leaves it empty."""
    body = [[str(row)] + [text(row, column) for column in columns] for row in rows]
    head = [title] + [str(column) for column in columns]
    widths = [max(len(line[i]) for line in [head] + body) for i in range(len(head))]
    lines = []
    for line in [head] + body:
        lines.append('  '.join(part.ljust(width) if i == 0 else part.rjust(width) for i, (part, width) in enumerate(zip(line, widths))))
    return lines


def tally(cells, *keys):
    counts = {}
    for cell in cells:
        key = tuple(cell[name] for name in keys)
        counts[key] = counts.get(key, 0) + 1
    return counts


def tables(cells):
    """Lines to print."""
    ran = [cell for cell in cells if cell['outcome'] != 'not run']
    same = [cell for cell in ran if cell['python'] == cell['load_python']]
    first = in_order(cell['python'] for cell in same)[:1]
    shown = [cell for cell in same if cell['python'] in first]
    names = serializers_of(shown)
    homes = [home for home in ('data', 'mod', 'main', 'exec', 'local', 'ghost') if any(cell['home'] == home for cell in shown)]
    groups = sorted(set(cell['group'] for cell in shown))
    good = [cell for cell in shown if cell['outcome'] == 'ok']
    lines = []
    if shown:
        outcomes = [outcome for outcome in OUTCOMES if any(cell['outcome'] == outcome for cell in shown)]
        by = tally(shown, 'serializer', 'outcome')
        lines += ['%s: how many of %d cells ended how' % (first[0], len(shown) // max(1, len(names))), '']
        lines += grid('serializer', names, outcomes, lambda n, o: str(by.get((n, o), 0)))
        for title, key, values in (('faithful, by home', 'home', homes), ('faithful, by group', 'group', groups)):
            by_value, all_of = tally(good, 'serializer', key), tally(shown, 'serializer', key)
            lines += ['', title, ''] + grid('serializer', names, values, lambda n, v, b=by_value, a=all_of: '%d/%d' % (
                b.get((n, v), 0), a.get((n, v), 0)))
    lines += versions(ran)
    return lines


def versions(ran):
    """Dumped by one interpreter, loaded by another; nothing when there was one alone."""
    pythons = in_order(cell['python'] for cell in ran)
    loads = in_order(cell['load_python'] for cell in ran)
    lines = []
    if len(pythons) < 2 and len(loads) < 2:
        return lines
    for name in serializers_of(ran):
        mine = [cell for cell in ran if cell['serializer'] == name]
        good = tally([cell for cell in mine if cell['outcome'] == 'ok'], 'python', 'load_python')
        dead = tally([cell for cell in mine if cell['outcome'] in ('crash', 'hang')], 'python', 'load_python')
        every = tally(mine, 'python', 'load_python')

        def text(a, b):
            if (a, b) not in every:
                return ''
            died = ' †%d' % dead[a, b] if (a, b) in dead else ''
            return '%d/%d%s' % (good.get((a, b), 0), every[a, b], died)
        lines += ['', '%s, faithful: dumped by (row), loaded by (column); † crashes and hangs' % name, '']
        lines += grid('', pythons, loads, text)
    return lines

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


def tally(cells, *keys):
    counts = {}
    for cell in cells:
        key = tuple(cell[name] for name in keys)
        counts[key] = counts.get(key, 0) + 1
    return counts


class Table:
    """A title, headings, and rows of as many texts."""

    def __init__(self, title, head, rows):
        self.title, self.head, self.rows = title, [str(text) for text in head], [[str(text) for text in row] for row in rows]

    def lines(self):
        widths = [max(len(line[i]) for line in [self.head] + self.rows) for i in range(len(self.head))]
        return [self.title, ''] + ['  '.join(text.ljust(width) if i == 0 else text.rjust(width)
                                             for i, (text, width) in enumerate(zip(line, widths))) for line in [self.head] + self.rows]


def outcomes_table(shown, names):
    outcomes = [outcome for outcome in OUTCOMES if any(cell['outcome'] == outcome for cell in shown)]
    by, every = tally(shown, 'serializer', 'outcome'), tally(shown, 'serializer')
    return Table('How cells ended: %s' % shown[0]['python'], ['serializer'] + outcomes + ['cells'],
                 [[name] + [by.get((name, outcome), 0) for outcome in outcomes] + [every[name,]] for name in names])


def faithful_table(shown, names, key, values):
    good = tally([cell for cell in shown if cell['outcome'] == 'ok'], 'serializer', key)
    every = tally(shown, 'serializer', key)
    return Table('Faithful, by %s' % key, ['serializer'] + values,
                 [[name] + ['%d/%d' % (good.get((name, value), 0), every.get((name, value), 0)) for value in values] for name in names])


def version_tables(ran):
    """Dumped by one interpreter, loaded by another; nothing when there was one alone."""
    pythons, loads = in_order(cell['python'] for cell in ran), in_order(cell['load_python'] for cell in ran)
    found = []
    for name in serializers_of(ran) if len(pythons) > 1 or len(loads) > 1 else ():
        mine = [cell for cell in ran if cell['serializer'] == name]
        good = tally([cell for cell in mine if cell['outcome'] == 'ok'], 'python', 'load_python')
        dead = tally([cell for cell in mine if cell['outcome'] in ('crash', 'hang')], 'python', 'load_python')
        every = tally(mine, 'python', 'load_python')
        rows = [[a] + [('%d/%d' % (good.get((a, b), 0), every[a, b]) + (' †%d' % dead[a, b] if (a, b) in dead else ''))
                       if (a, b) in every else '' for b in loads] for a in pythons]
        found.append(Table('%s between versions, faithful: written by (row), read by (column); † crashes and hangs' % name,
                           ['written by'] + loads, rows))
    return found


def tables(cells):
    """[Table]: of the first interpreter alone, then between versions."""
    ran = [cell for cell in cells if cell['outcome'] != 'not run']
    same = [cell for cell in ran if cell['python'] == cell['load_python']]
    shown = [cell for cell in same if cell['python'] == same[0]['python']]
    found = []
    if shown:
        names = serializers_of(shown)
        homes = [home for home in ('data', 'mod', 'main', 'exec', 'local', 'ghost') if any(cell['home'] == home for cell in shown)]
        found = [outcomes_table(shown, names), faithful_table(shown, names, 'home', homes),
                 faithful_table(shown, names, 'group', sorted({cell['group'] for cell in shown}))]
    return found + version_tables(ran)


def text(cells):
    return '\n\n'.join('\n'.join(table.lines()) for table in tables(cells))

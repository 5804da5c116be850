# needs: nbclient
# needs: ipykernel
"""A notebook: its cells make a class of Workers, call it, and define it anew; a magic runs a program."""

import os
import sys
import tempfile

CELLS = '''
from corps import Conc, Corps, create_Concs, create_Corps
class Thing:
    def __init__(self, number):
        self.number = number
class Service(Corps):
    def thing(self, number):
        return Thing(number)
#---
service = create_Corps(Service, ConfigDicts=[{'NumEnvs': 2}])
answer = service.thing(3).Ret
assert type(answer) is Thing and answer.number == 3
#---
await service.thing(4)                          # a cell runs on an event loop
#---
service.exit()
class Service(Corps):
    def twice(self, number):
        return 2 * number
with create_Corps(Service) as service:
    print(service.twice(21).Ret)
#---
%run program.py
'''


def texts_of(cell):
    return ''.join(output.get('text', '') for output in cell.outputs)


def main():
    os.environ['JUPYTER_PLATFORM_DIRS'] = '1'
    import nbclient
    import nbformat
    from runners import programs
    with programs() as folder, tempfile.TemporaryDirectory() as home:
        for name in 'HOME', 'IPYTHONDIR', 'JUPYTER_RUNTIME_DIR', 'JUPYTER_CONFIG_DIR':
            os.environ[name] = home
        notebook = nbformat.v4.new_notebook()
        notebook.cells = [nbformat.v4.new_code_cell(text.strip()) for text in CELLS.split('#---\n')]
        nbclient.NotebookClient(notebook, timeout=120, kernel_name='python3', resources={'metadata': {'path': folder}}).execute()
        answers = [texts_of(cell) for cell in notebook.cells[-2:]]
        assert answers == ['42\n', 'done\n'], answers
    print('OK')


if __name__ == '__main__':
    sys.exit(main())

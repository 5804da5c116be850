import os

NumEnvs = int(os.environ['NumEnvs'])

NumEnvs = 2

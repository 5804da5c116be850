NumEnvs = 3

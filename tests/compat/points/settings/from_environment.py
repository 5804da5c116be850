import os

NumEnvs = int(os.environ['NumEnvs'])
Max_Msg_Request_Attempts = 10 * NumEnvs

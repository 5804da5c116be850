NumEnvs = 2
Max_Msg_Request_Attempts = 30

import os

NumEnvs = 4
Max_Msg_Request_Attempts = 11
Networking_Max_Connection_Attempts = len('twelve chars')
NoSuchSettingInAFile = os.sep

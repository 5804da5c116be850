from datetime import timedelta

Max_Msg_Request_Attempts = 22
Networking_Client_Timeout = 33
ResultsCache_Max_Entry_TTL = timedelta(seconds=4)

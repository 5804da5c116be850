"""embed.py FILE NAME: FILE as the C array `const char NAME[]`, ending with a zero, on standard output."""
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read() + b"\0"
print('/* Made from %s. */\n#include "python.h"\n\nconst char %s[] = {' % (sys.argv[1].rpartition("/")[2], sys.argv[2]))
for at in range(0, len(data), 32):
    print(",".join(str(byte if byte < 128 else byte - 256) for byte in data[at:at + 32]) + ",")
print("};")

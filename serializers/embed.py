"""embed.py FILE...: the modules in Python as C text, in the table corps__python_modules[], on standard output."""
import sys

print('/* Made from the modules in Python. */\n#include "python.h"\n')
names = []
for path in sys.argv[1:]:
    names.append(path.rpartition("/")[2][:-len(".py")])
    with open(path, "rb") as file:
        data = file.read() + b"\0"
    print("static const char source_of_%s[] = {" % names[-1])
    for at in range(0, len(data), 32):
        print(",".join(str(byte if byte < 128 else byte - 256) for byte in data[at:at + 32]) + ",")
    print("};")
print("const struct corps__python_embedded corps__python_modules[] = {")
for name in names:
    print('    {"_corps_%s", source_of_%s},' % (name, name))
print("    {NULL, NULL}};")

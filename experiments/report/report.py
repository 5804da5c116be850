"""corps-lab report: a text table for the terminal and one self-contained page."""

import sys

try:
    import common
    import text
except ImportError as missing:  # numpy, which common needs
    sys.exit(f"corps-lab report: {missing}; run scripts/setup, or name an interpreter that has it in CORPS_PYTHON")


def options():
    parser = common.parser("report", "Shows what was measured: which transport and which serializer win, and by how much.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="results of corps-lab run; several are read as one")
    parser.add_argument("--html", metavar="OUT", help="write a self-contained page there as well")
    parser.add_argument("--no-text", action="store_true", help="print no text")
    parser.add_argument("--no-raw", action="store_true", help="leave the raw data out of the page")
    common.add_choices(parser)
    return parser


def main():
    parser = options()
    chosen = parser.parse_args()
    if chosen.no_text and not chosen.html:
        parser.error("--no-text without --html OUT leaves nothing to do")
    table = common.read(chosen.files, chosen)
    if not chosen.no_text:
        sys.stdout.write(text.report(table, colour=sys.stdout.isatty()))
    if chosen.html:
        import page  # after the text, which needs less

        for warning in page.write(table, chosen.html, with_raw=not chosen.no_raw):
            print(f"corps-lab report: {warning}", file=sys.stderr)
    return common.EXIT_OK


if __name__ == "__main__":
    common.run(main, "report")

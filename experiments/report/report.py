"""corps-lab report FILE… [--html OUT] [--no-text] [--workload W] [--answer NAME]: tables in the terminal and one self-contained page."""
import argparse
import os
import sys

import answers
import cells as grouping
import coverage_page
import load
import program
import text


def main():
    parser = argparse.ArgumentParser(prog="corps-lab report", description="Tables in the terminal, and one HTML page.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="results of corps-lab run or coverage (JSON lines)")
    parser.add_argument("--html", metavar="OUT", help="the page (default: the first file's name with .html)")
    parser.add_argument("--no-html", action="store_true", help="no page")
    parser.add_argument("--no-text", action="store_true", help="no tables")
    parser.add_argument("--workload", metavar="W", help="only this workload's table")
    parser.add_argument("--answer", metavar="NAME", choices=answers.NAMES, help="only the answer to this question, and no page: "
                        + ", ".join(answers.NAMES))
    args = parser.parse_args()
    try:
        studies = [path for path in args.files if coverage_page.is_coverage(path)]
        coverage = coverage_page.read(studies) if studies else []
        files = [path for path in args.files if path not in studies]
        results = load.load(files) if files or not coverage else None
    except load.BadResults as error:
        print(f"corps-lab report: {error}", file=sys.stderr)
        return 1
    if coverage and not args.no_text:
        print(coverage_page.table.text(coverage))
    if results is None:
        return write_page(args, lambda page: page.coverage_alone(coverage))
    load.warn(results)
    cells = grouping.group(results)
    if args.answer:
        sys.stdout.write(text.answer(cells, args.answer))
        return 0
    if not args.no_text:
        sys.stdout.write(text.report(results, cells, args.workload))
    return write_page(args, lambda page: page.page(results, cells, coverage=coverage))


def write_page(args, made):
    """made: the module page → the page's text. The command's exit status."""
    if args.no_html:
        return 0
    out = args.html or os.path.splitext(args.files[0].removesuffix(".gz"))[0] + ".html"
    try:
        import page
    except ImportError as error:
        print(f"corps-lab report: no page: {error.name} is not installed; run scripts/setup", file=sys.stderr)
        return 1
    try:
        with open(out, "w", encoding="utf-8") as file:
            file.write(made(page))
    except OSError as error:
        print(f"corps-lab report: cannot write {out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"page written to {out}")
    return 0


if __name__ == "__main__":
    program.run("report", main)

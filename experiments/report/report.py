"""corps-lab report FILE… [OPTION]…: tables and answers on the terminal, a self-contained page for each study, and exports."""
import functools
import os
import re
import sys

import answers
import cells as grouping
import coverage_page
import export
import load
import program
import studies
import text


def main():
    parser = program.Parser(prog="corps-lab report", description="Tables and answers on the terminal, and one HTML page.",
                            epilog="Exit status: 0 success, 1 failure, 2 wrong usage.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="results of corps-lab run or coverage (JSON lines)")
    parser.add_argument("--html", metavar="OUT", help="the page (default: the first file's name with .html)")
    parser.add_argument("--no-html", action="store_true", help="no page")
    parser.add_argument("--no-text", action="store_true", help="no tables")
    parser.add_argument("--workload", metavar="W", type=program.value_of("workload"), help="only the table of this workload")
    parser.add_argument("--answer", metavar="NAME", choices=answers.NAMES, help="only the answer to this question, and no page: "
                        + ", ".join(answers.NAMES))
    parser.add_argument("--paper", metavar="FILE.pdf", help="the run on paper: method, answers, charts, every cell and the machine as one PDF (needs Chromium), and no page")
    export.add_options(parser)
    args = parser.parse_args()
    export.check(parser, args)
    args.no_text = args.no_text or export.to_stdout(args)
    try:
        covering = [path for path in args.files if coverage_page.is_coverage(path)]
        coverage = coverage_page.read(covering) if covering else []
        files = [path for path in args.files if path not in covering]
        results = load.load(files) if files or not coverage else None
    except load.BadResults as error:
        print(f"corps-lab report: {error}", file=sys.stderr)
        return 1
    if coverage and not args.no_text:
        print(coverage_page.table.text(coverage))
    if results is None and export.wanted(args):
        print("corps-lab report: only results of corps-lab run can be exported; these are of corps-lab coverage", file=sys.stderr)
        return 1
    if results is None:
        return write_page(args, args.html or page_name(args.files[0]), lambda page: page.coverage_alone(coverage))
    load.warn(results)
    found = [(study, grouping.group(study)) for study in studies.split(results)]
    try:
        export.export(args, found)
    except load.BadResults as error:
        print(f"corps-lab report: {error}", file=sys.stderr)
        return 1
    if args.paper:
        return write_paper(args, found, files)
    if args.answer:
        return 0 if args.no_text else print_answer(found, args.answer)
    if not args.no_text:
        sys.stdout.write("\n".join(text.report(study, cells, args.workload) for study, cells in found))
    return max(write_page(args, study_out(args, found, study), functools.partial(made_page, study, cells, coverage if study is found[0][0] else ()))
               for study, cells in found)


def made_page(study, cells, coverage, page):
    return page.page(study, cells, coverage=coverage)


def print_answer(found, name):
    """Of every study that has one, named where there are several."""
    answered = [(study, cells) for study, cells in found if answers.sections(cells, (name,))] or found[:1]
    for study, cells in answered:
        sys.stdout.write((f"{study.name}:\n" if len(found) > 1 else "") + text.answer(cells, name))
    return 0


def study_out(args, found, study):
    """Where the page of a study goes. Each has its own: beside its first file, or with its matrix and number in the name asked for."""
    if len(found) == 1:
        return args.html or page_name(args.files[0])
    if args.html:
        stem, ending = os.path.splitext(args.html)
        number = [s for s, _ in found].index(study) + 1
        return f"{stem}-{number}-{re.sub(r'[^A-Za-z0-9._-]', '_', study.runs[0]['matrix'])}{ending}"
    return page_name(next(iter(study.files.values())))


def write_paper(args, found, files):
    """The tables, and the PDF in place of the page."""
    (study, cells), *others = found
    try:
        import paper
        if others:
            raise load.BadResults(f"--paper prints one study, and these are {len(found)}: {'; '.join(s.name for s, _ in found)}; name the files of one")
        if not study.runs:
            raise load.BadResults("--paper needs the line that describes the run, and these files have none")
        paper.write(args.paper, study, cells, files)
    except (ImportError, load.BadResults) as error:
        print(f"corps-lab report: {f'no paper: {error.name} is not installed; run scripts/setup' if isinstance(error, ImportError) else error}", file=sys.stderr)
        return 1
    if not args.no_text:
        sys.stdout.write(text.report(study, cells, args.workload))
    print(f"paper written to {args.paper}", file=sys.stderr if export.to_stdout(args) else sys.stdout)
    return 0


def page_name(path):
    return os.path.splitext(path.removesuffix(".gz"))[0] + ".html"


def write_page(args, out, made):
    """made: the module page → the page's text. The command's exit status."""
    if args.no_html:
        return 0
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
    print(f"page written to {out}", file=sys.stderr if export.to_stdout(args) else sys.stdout)
    return 0


if __name__ == "__main__":
    program.run("report", main)

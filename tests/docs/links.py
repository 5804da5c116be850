"""Every link of a page to a file of this tree leads to one, and to a heading that is there; the citation says what licence and version the sources have."""

import glob
import os
import re
import unittest

SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir))
PAGES = ['*.md', 'docs/*.md', 'docs/*/*.md', 'results/*.md', 'experiments/*/*.md']


def text(path):
    with open(os.path.join(SOURCE, path), encoding='utf-8') as file:
        return file.read()


def anchors(page):
    """What GitHub makes of a page's headings."""
    headings = re.findall(r'^#+ (.*)$', re.sub(r'^```.*?^```', '', page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


class Pages(unittest.TestCase):
    def test_links(self):
        pages = sorted(path for pattern in PAGES for path in glob.glob(os.path.join(SOURCE, pattern)))
        self.assertGreater(len(pages), 15)
        seen = 0
        for page in pages:
            plain = re.sub(r'^```.*?^```|`[^`\n]*`', '', text(page), flags=re.MULTILINE | re.DOTALL)
            for target in re.findall(r'\]\(([^)\s]+)\)', plain):
                if '://' in target:
                    continue
                path, _, anchor = target.partition('#')
                found = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
                seen += 1
                with self.subTest(page=os.path.relpath(page, SOURCE), link=target):
                    self.assertTrue(os.path.exists(found))
                    if anchor:
                        self.assertIn(anchor, anchors(text(found)))
        self.assertGreater(seen, 50)

    def test_citation(self):
        said = dict(re.findall(r'^(?:  - )?(\w[\w-]*): (.*)$', text('CITATION.cff'), re.MULTILINE))
        licence = text('LICENSE')
        self.assertEqual(re.match(r'(\w+) License', licence)[1], said['license'])
        self.assertEqual(re.search(r'Copyright \(c\) \d+ (.*)', licence)[1], said['name'])
        self.assertEqual(re.search(r"version: '([\d.]+)'", text('meson.build'))[1], said['version'])


if __name__ == '__main__':
    unittest.main()

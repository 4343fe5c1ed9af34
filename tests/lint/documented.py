#!/usr/bin/env python3
"""Every function of the public headers has a comment: above it, behind it, or above its group, and then by its name.

    documented.py HEADER...
"""
import re
import sys


def undocumented(path):
    lines = open(path, encoding='utf-8').read().splitlines()
    group = ''  # the comments since the last empty line
    comment, i = '', 0  # `comment`: what stands directly above
    while i < len(lines):
        line = lines[i].strip()
        if not line or line.startswith('#'):
            group = comment = ''
        elif line.startswith('/*'):
            text = line
            while '*/' not in lines[i]:
                i += 1
                text += ' ' + lines[i].strip()
            comment = '' if re.match(r'/\* -{4,}', text) else text
            group += comment
        elif line.startswith('GRAFT_API'):
            start = i
            text = line
            while ';' not in re.sub(r'/\*.*?\*/', '', text):
                i += 1
                text += ' ' + lines[i].strip()
            trailing = '/*' in text
            while trailing and text.count('/*') > text.count('*/'):
                i += 1
                text += ' ' + lines[i].strip()
            name = re.search(r'\b(graft_\w+)\s*\(', text).group(1)
            if not comment and not trailing and not re.search(r'\b' + name + r'\b', group):
                yield f'{path}:{start + 1}: {name} has no comment'
            comment = ''
        else:
            comment = ''
        i += 1


found = [message for path in sys.argv[1:] if path.endswith('.h') for message in undocumented(path)]
print('\n'.join(found) or f'{len(sys.argv) - 1} headers: every function has a comment')
sys.exit(bool(found))

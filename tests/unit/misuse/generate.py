#!/usr/bin/env python3
"""Writes the calls of the API misuse test: one for each GRAFT_API function of the public headers.

    generate.py HEADERS_OUT ROWS_OUT VALUES HEADER...

What a parameter is given follows from its type: VALUES (misuse.c) has a function value_TYPE for each, in which value 0
is a good one. A type without one is an error here, so that no public function can be left out. Structs that begin with
their size are made here, of every size that there should not be; a good one beyond zeros is filled by fill_TYPE.
"""
import os
import re
import sys


def parse(headers):
    functions, opaque, sized, enums, numbers, callbacks = [], set(), set(), set(), {}, set()
    for header in headers:
        text = re.sub(r'/\*.*?\*/|//[^\n]*', ' ', open(header, encoding='utf-8').read(), flags=re.S)
        text = re.sub(r'^\s*#.*?(?<!\\)$', '', text, flags=re.M)
        opaque.update(re.findall(r'typedef struct (graft_\w+) \1;', text))
        sized.update(name for name in re.findall(r'typedef struct (graft_\w+) \{\s*size_t size;', text))
        numbers.update((name, t) for t, name in re.findall(r'typedef (u?int\d+_t) (graft_\w+);', text))
        callbacks.update(re.findall(r'typedef [\w\s*]+\(\*(graft_\w+)\)\(', text))
        enums.update(re.findall(r'typedef enum (graft_\w+)', text))
        for returns, name, arguments in re.findall(r'GRAFT_API\s+([\w\s*]+?)\b(graft_\w+)\s*\(([^;]*)\)\s*;', text):
            functions.append((' '.join(returns.split()), name, parameters(arguments)))
    return functions, opaque - sized, sized, enums, numbers, callbacks


def parameters(text):
    depth, parts, part = 0, [], ''
    for c in ' '.join(text.split()):
        depth += (c == '(') - (c == ')')
        if c == ',' and depth == 0:
            parts.append(part)
            part = ''
        else:
            part += c
    out = []
    for p in parts + [part]:
        p = p.strip()
        if p == 'void':
            continue
        callback = re.match(r'(.*)\(\*(\w+)\)(\(.*\))$', p)
        if callback:
            out.append(('callback', callback.group(2)))
            continue
        m = re.match(r'(.*?)(\w+)(\[\w*\])?$', p)
        out.append((m.group(1).strip() + (' *' if m.group(3) else ''), m.group(2)))
    return out


def identifier(t):
    return re.sub(r'\W+', '_', t.replace('*', 'p')).strip('_')


def is_count(t, name, before):
    """Is it the length of the pointer before it?"""
    return (before is not None and before[0].endswith('*') and t in ('size_t', 'uint32_t', 'int64_t') and
            (name in ('size', 'count') or name.endswith('_count')))


def main():
    headers_out, out, values_file = sys.argv[1:4]
    headers = [h for h in sys.argv[4:] if h.endswith('.h')]
    with open(headers_out, 'w', encoding='utf-8') as file:
        file.writelines(f'#include <graft/{os.path.basename(h)}>\n' for h in headers)
    functions, opaque, sized, enums, numbers, callbacks = parse(headers)
    known = open(values_file, encoding='utf-8').read()
    errors, lines, rows = [], [], []
    has = lambda name: re.search(r'\b' + name + r'\(fixture|NUMBERS\(' + name.removeprefix('value_') + r',', known) is not None
    for returns, name, params in functions:
        body, counts = [], []
        for i, (t, p) in enumerate(params):
            before = params[i - 1] if i else None
            bare = re.sub(r'\bconst\b|\*', '', t).strip()
            pointer = t.endswith('*')
            after = params[i + 1] if i + 1 < len(params) else None
            kind = identifier(t)
            if bare in numbers and not pointer and not has('value_' + bare):
                kind = numbers[bare]
            if t == 'callback' or t in callbacks:
                value, n = 'NULL', 1
            elif is_count(t, p, before):
                value, n = f'({t})f->count' + (' / 8' if t == 'int64_t' else ''), 1  # of elements, which have at most 8 bytes
            elif pointer and after and is_count(after[0], after[1], (t, p)):
                maker = f'list_{kind}'
                if not has(maker):
                    errors.append(f'{name}: no {maker} for "{t}{p}, {after[0]} {after[1]}"')
                value, n = f'{maker}(f, v[{i}])', f'LIST_{kind}'
            elif bare in opaque and t.count('*') == 1 and f'ONLY_IN_CALLBACKS({bare})' in known:
                value, n = 'NULL', 1
            elif bare in opaque and t.count('*') == 1:
                if not has(f'good_{bare}'):
                    errors.append(f'{name}: no good_{bare} for the handle "{p}"')
                value, n = f'({bare} *)handle(f, good_{bare}(f, v[{i}] == 4), v[{i}])', 5
            elif bare in sized and t.count('*') == 1:
                fill = f'fill_{bare}' if has(f'fill_{bare}') else 'NULL'
                value, n = f'({bare} *)sized(f, sizeof({bare}), (filler){fill}, v[{i}])', 'SIZES'
            elif bare in enums and not pointer:
                value, n = f'({bare})an_enum(f, v[{i}])', 'ENUMS'
            elif t == 'const char *':
                special = f'text_{p}' if has(f'text_{p}') else 'a_text'
                value, n = f'{special}(f, v[{i}])', 'TEXTS'
            elif has(f'value_{kind}'):
                value, n = f'value_{kind}(f, v[{i}])', f'VALUES_{kind}'
            elif pointer and 'const' not in t and t.count('*') == 1:
                value, n = f'v[{i}] ? NULL : scratch(f, sizeof({bare}))', 2
            elif pointer and 'const' not in t and t.count('*') == 2:
                value, n = f'v[{i}] ? NULL : scratch(f, sizeof(void *))', 2
            else:
                errors.append(f'{name}: no value_{kind} for "{t} {p}"')
                continue
            declared = t
            body.append(f'  {declared}{"" if declared.endswith("*") else " "}a{i} = {value};'
                        if t != 'callback' else '')
            counts.append(str(n))
        arguments = ', '.join('NULL' if t == 'callback' else f'a{i}' for i, (t, _) in enumerate(params))
        call = f'{name}({arguments})'
        handle = re.sub(r'[*\s]|const', '', returns)
        if returns == 'void':
            body.append(f'  {call};')
            result = 'SAYS_NOTHING'
        elif returns == 'graft_status':
            body.append(f'  f->ok = {call} == GRAFT_OK;')
            result = 'SAYS_STATUS'
        elif returns.endswith('*') and handle in opaque and not re.search('_get_|_find', name) and 'const' not in returns:
            body.append(f'  {returns}r = {call};\n  f->ok = r != NULL;\n  if (r) {destroyer(handle, functions)};')
            result = 'SAYS_STATUS'
        else:
            body.append(f'  (void){call};')
            result = 'SAYS_NOTHING'
        if name == 'graft_status_text':
            result = 'SAYS_NOTHING'
        has_handle = any(re.sub(r'\bconst\b|\*', '', t).strip() in opaque for t, _ in params)
        if not has_handle and result == 'SAYS_STATUS':
            result = 'SAYS_NO_WORD'
        sizes = sum(1 << i for i, (t, _) in enumerate(params)
                    if t.endswith('*') and re.sub(r'\bconst\b|\*', '', t).strip() in sized)
        filled = sum(1 << i for i, (t, _) in enumerate(params) if sizes >> i & 1 and 'const' not in t)
        lines.append(f'static void call_{name}(fixture *f, const unsigned *v) {{\n  (void)f, (void)v;')
        lines += [b for b in body if b]
        lines.append('}\n')
        rows.append(f'    {{"{name}", call_{name}, {len(params)}, {{{", ".join(counts) or 0}}}, {result}, {sizes}u, {filled}u}},')
    if errors:
        sys.exit('misuse: what has no values in ' + values_file + ':\n  ' + '\n  '.join(errors))
    lines.append('static const row rows[] = {')
    lines += rows
    lines.append('};')
    with open(out, 'w', encoding='utf-8') as file:
        file.write('/* Generated by generate.py from the public headers. */\n' + '\n'.join(lines) + '\n')


def destroyer(handle, functions):
    name = handle + '_destroy'
    if handle == 'graft_graph':
        return '(void)r'
    if not any(n == name for _, n, _ in functions):
        sys.exit(f'misuse: {handle} has no {name}')
    return f'{name}(r)'


main()

/* The parts of the page that are the same in each: styles, the table's head, the script. */
#ifndef GRAFT_TOOLS_PAGE_PARTS_H
#define GRAFT_TOOLS_PAGE_PARTS_H

static const char page_top[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'\">\n"
    "<title>graft: error by layer</title>\n"
    "<style>\n"
    ":root{--ink:#1c2430;--soft:#5d6b7d;--paper:#fff;--card:#f5f7fa;--rule:#dfe5ec;--bad:#c62828;--near:#a86500;"
    "--good:#1b7a43;--all:#1f5fbf;--own:#c77d0a;--badbg:#fdecea;--nearbg:#fff5e0;--goodbg:#e9f6ee}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--soft:#98a5b5;--paper:#12161c;--card:#1b212a;"
    "--rule:#2e3743;--bad:#ff8078;--near:#f0b95c;--good:#6fd096;--all:#78abff;--own:#f0b95c;--badbg:#3a1f1f;"
    "--nearbg:#35290f;--goodbg:#15301f}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:76rem;padding:1rem;color:var(--ink);background:var(--paper);"
    "font:15px/1.5 system-ui,sans-serif}\n"
    "h1{font-size:1.35rem;margin:.3rem 0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 .4rem}\n"
    "p{margin:.3rem 0;color:var(--soft)}code{font:.92em ui-monospace,monospace;overflow-wrap:anywhere}\n"
    "a{color:inherit;text-decoration-color:var(--rule)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.8rem;margin:1rem 0}\n"
    ".card{display:flex;flex-direction:column;gap:.15rem;padding:.8rem 1rem;border-radius:.6rem;text-decoration:none;"
    "border-left:.35rem solid var(--rule);background:var(--card)}\n"
    ".card small{color:var(--soft)}.big{font-size:1.7rem;font-weight:650;line-height:1.2}\n"
    ".card.g0{border-color:var(--bad);background:var(--badbg)}.card.g1{border-color:var(--near);"
    "background:var(--nearbg)}.card.g2{border-color:var(--good);background:var(--goodbg)}\n"
    ".g0 .big,td.g0,em.g0{color:var(--bad)}.g1 .big,td.g1,em.g1{color:var(--near)}.g2 .big,td.g2,em.g2"
    "{color:var(--good)}\n"
    ".wide{overflow-x:auto}svg{display:block;width:100%}\n";
static const char page_style[] =
    "svg text{font-size:12px;fill:var(--soft);text-anchor:end}svg text.start{text-anchor:start}\n"
    ".grid{stroke:var(--rule)}.zone{fill:var(--badbg)}.hit{fill:transparent}a:hover .hit{fill:var(--rule);"
    "opacity:.5}\n"
    "polyline{fill:none;stroke-width:2;stroke-linejoin:round}polyline{stroke:var(--all)}rect.own{fill:var(--own);"
    "opacity:.45}\n"
    "circle.all{fill:var(--all)}circle.bad{fill:var(--bad)}\n"
    ".k{margin-right:1rem}.k::before{content:'';display:inline-block;width:1.2em;margin-right:.4em;vertical-align:"
    "middle;border-top:3px solid var(--all)}.k.own::before{border-top:.8em solid var(--own);width:.7em;opacity:.45}\n"
    "table{border-collapse:collapse;width:100%}th,td{padding:.3rem .55rem;border-bottom:1px solid var(--rule);"
    "text-align:left;vertical-align:top}\n"
    "tbody th{font:.92em ui-monospace,monospace;overflow-wrap:anywhere;min-width:12rem}\n"
    "thead th{position:sticky;top:0;background:var(--paper);white-space:nowrap;font-weight:600}thead th.n,td.n"
    "{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "thead button{all:unset;cursor:pointer}thead button:focus-visible{outline:2px solid var(--all)}"
    "th[aria-sort=ascending] button::after{content:' \\2191'}th[aria-sort=descending] button::after"
    "{content:' \\2193'}\n"
    "tr.bad th{color:var(--bad)}\n"
    "td.bar{background:linear-gradient(90deg,var(--card) var(--w),transparent 0)}\n"
    "details{border-bottom:1px solid var(--rule);padding:.35rem 0}summary{cursor:pointer;display:flex;gap:.6rem;"
    "align-items:baseline}summary span{color:var(--soft);min-width:2.2em;text-align:right}summary em{margin-left:"
    "auto;font-style:normal;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
    "details:target{background:var(--card)}\n"
    "figure{margin:.6rem 0}figure svg{height:8rem;background:var(--card)}figcaption{display:flex;justify-content:"
    "space-between;color:var(--soft);font-size:.85em}\n"
    ".ha{fill:var(--all);opacity:.35}.hb{fill:none;stroke:var(--own);stroke-width:1.5;vector-effect:"
    "non-scaling-stroke}.range{stroke:var(--bad);stroke-dasharray:4 3;vector-effect:non-scaling-stroke}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.4rem 0 1rem}dt{color:var(--soft)}"
    "dd{margin:0;overflow-wrap:anywhere}\n"
    ".hs::before{border-top:.7em solid var(--all);opacity:.35}.ho::before{border-top:3px solid var(--own)}"
    ".hr::before{border-top:3px dashed var(--bad)}\n"
    "@media(max-width:42rem){body{padding:.7rem}.m{display:none}th,td{padding:.3rem .3rem}tbody th{min-width:6rem}"
    "dl{grid-template-columns:1fr}dd{margin-bottom:.3rem}}\n"
    "</style></head><body>\n";

static const char page_table[] =
    "<h2>Layers</h2>\n<p>In graph order; a click on a heading sorts. All: as it runs. Own: where its inputs are the "
    "other's. Inherited: what is left of the noise without its own.</p>\n"
    "<div class=\"wide\"><table><thead><tr>"
    "<th class=\"n m\">#</th><th>layer</th><th class=\"m\">op</th><th class=\"n\">all</th><th class=\"n\">own</th>"
    "<th class=\"n m\">inherited</th><th class=\"n m\">cosine</th><th class=\"n\">largest</th>"
    "<th class=\"n m\">clipped</th><th class=\"n m\">unused</th></tr></thead><tbody>\n";

static const char page_weights[] =
    "<h2>Weights</h2>\n<p>Integers, as the numbers that they stand for, against the floats that they were. The worst "
    "channel is that of least signal to noise.</p>\n"
    "<div class=\"wide\"><table><thead><tr><th>weight</th><th class=\"m\">type</th><th class=\"n\">all</th>"
    "<th class=\"n\">worst channel</th><th class=\"n\">largest</th><th class=\"n m\">clipped</th>"
    "<th class=\"n m\">unused</th></tr></thead><tbody>\n";

static const char page_details[] =
    "<h2>Each layer</h2>\n<p class=\"key\"><span class=\"k hs\">the other's values</span> "
    "<span class=\"k ho\">its values</span> <span class=\"k hr\">ends of the quantized range</span></p>\n";

/* Sorts the tables, and opens the layer that a link leads to. */
static const char page_end[] =
    "<script>\n"
    "'use strict';\n"
    "document.querySelectorAll('table').forEach(table => {\n"
    "  const heads = table.querySelectorAll('thead th'), body = table.tBodies[0];\n"
    "  heads.forEach((head, column) => {\n"
    "    const button = document.createElement('button');\n"
    "    button.textContent = head.textContent;\n"
    "    head.replaceChildren(button);\n"
    "    button.addEventListener('click', () => {\n"
    "      const up = head.getAttribute('aria-sort') !== 'ascending';\n"
    "      heads.forEach(h => h.removeAttribute('aria-sort'));\n"
    "      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');\n"
    "      const key = row => {\n"
    "        const cell = row.cells[column];\n"
    "        return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);\n"
    "      };\n"
    "      const rows = [...body.rows].map(row => [key(row), row]);\n"
    "      rows.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0) * (up ? 1 : -1));\n"
    "      body.append(...rows.map(r => r[1]));\n"
    "    });\n"
    "  });\n"
    "});\n"
    "const open = () => {\n"
    "  const layer = /^#l\\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));\n"
    "  if (layer) { layer.open = true; layer.scrollIntoView(); }\n"
    "};\n"
    "addEventListener('hashchange', open);\n"
    "open();\n"
    "</script></body></html>\n";

#endif

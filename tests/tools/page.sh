#!/bin/sh
# The page that ir-run --report writes, in Chromium: it draws, sorts, opens layers and asks for nothing; names are text; it
# fits a phone, and its tables are there without scripts. Skipped where Chromium is not installed. usage: page.sh IR_RUN
run=$(realpath "$1")
browser=$(command -v chromium || command -v chromium-browser) || { echo "skipped: chromium is not installed"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
fail() { echo "FAIL $1"; failed=$((failed + 1)); }

cat >a.gir <<'GIR'
graft 1
tensor %w: f32[64] parameter = fill("w", -1, 1)
graph main(%x: f32[64]) {
  %"<img src=x onerror=alert(1)>" = mul(%x, 3.0): f32[64]
  %"'\"</script><script>alert(1)</script>" = relu(%"<img src=x onerror=alert(1)>"): f32[64]
  %"a_rather_long_name/of_many_parts.that_does_not_fit_a_phone/in_one_lineBELL" = add(%"'\"</script><script>alert(1)</script>", %w): f32[64]
  return %"a_rather_long_name/of_many_parts.that_does_not_fit_a_phone/in_one_lineBELL"
}
GIR
sed -i "s/BELL/$(printf '\007')/g" a.gir
weights=$(for i in 0 1 2 3 4 5 6 7; do printf '1, -2, 3, -4, 5, -6, 7, -%s, ' "$i"; done)
sed -e 's/3.0)/2.0)/' -e "s/^tensor.*/tensor %w: i8[64] constant = [${weights%, }]/" \
  -e 's/^graph.*/&\n  %d = dequantize_per_tensor(%w, 0.1, 0: i32): f32[64]/' -e 's/, %w)/, %d)/' a.gir >b.gir
"$run" a.gir --compare b.gir --random 1 --report page.html >table.txt 2>err || fail "no report: $(cat err)"

# What a reader does, after the page's own script; what is seen goes to the page around it, which is as wide as a phone.
cat >script.html <<'HTML'
<script>
const errors = [];
onerror = e => { errors.push(String(e)); };
document.addEventListener('securitypolicyviolation', e => errors.push(e.violatedDirective));
const table = document.querySelector('table');
const names = () => [...table.querySelectorAll('tbody th')].map(h => h.textContent);
const all = [...table.querySelectorAll('thead th')].find(h => h.textContent === 'all');
const before = names();
all.querySelector('button').click();
const up = names(), sorted = all.getAttribute('aria-sort');
all.querySelector('button').click();
location.hash = '#l1';
setTimeout(() => {
  const box = document.querySelector('svg').getBoundingClientRect();
  parent.postMessage({errors, before, up, sorted, down: names(), sorted_down: all.getAttribute('aria-sort'),
    open: document.getElementById('l1').open, drawn: box.width > 100 && box.height > 50,
    histograms: document.querySelectorAll('figure path').length, tables: document.querySelectorAll('table').length,
    wide: document.documentElement.scrollWidth, width: innerWidth, images: document.images.length,
    asked: performance.getEntriesByType('resource').length, colors: getComputedStyle(document.body).backgroundColor}, '*');
}, 300);
</script>
HTML
cat page.html script.html >with.html
cat >phone.html <<'HTML'
<!doctype html><iframe src="with.html" style="width:360px;height:780px;border:0"></iframe><p id="out"></p>
<script>addEventListener('message', e => { document.getElementById('out').textContent = JSON.stringify(e.data); });</script>
HTML
see() {
  timeout 200 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$dir/profile" \
    --enable-logging=stderr --virtual-time-budget=5000 "$@" 2>log.txt
}
see --dump-dom "file://$dir/phone.html" >dom.txt
! grep CONSOLE log.txt || fail "the console has messages"
sed -n 's/.*<p id="out">\(.*\)<\/p>.*/\1/p' dom.txt >seen.json
cat >check.py <<'PY'
import html, json
seen = json.loads(html.unescape(open("seen.json").read()))
long = "a_rather_long_name/of_many_parts.that_does_not_fit_a_phone/in_one_line"
names = ["<img src=x onerror=alert(1)>", "'\"</script><script>alert(1)</script>", long]
assert [n[: len(long)] for n in seen["before"]] == names, seen["before"]
assert seen["up"] != seen["down"] and sorted(seen["up"]) == sorted(seen["before"]), seen
assert seen["up"][0] == seen["down"][-1] and seen["sorted"] == "ascending" and seen["sorted_down"] == "descending", seen
assert seen["open"] and seen["drawn"] and seen["histograms"] == 6 and seen["tables"] == 2, seen
assert seen["width"] == 360 and seen["wide"] <= 360, seen
assert seen["errors"] == [] and seen["images"] == 0 and seen["asked"] == 0, seen
PY
python3 check.py 2>err || fail "$(tail -n 1 err)"

# without scripts the tables are there, in graph order
sed "s/; script-src 'unsafe-inline'//" page.html >plain.html
see --dump-dom "file://$dir/plain.html" >plain.txt
! grep -q "<button" plain.txt || fail "scripts ran where they should not"
[ "$(grep -c '<tr' plain.txt)" = 6 ] || fail "without scripts there are not six rows in two tables"

# a network of 5,000 layers opens and sorts
awk 'BEGIN { print "graft 1\ngraph main(%x: f32[4]) {"; last = "x"
  for (i = 0; i < 5000; i++) { printf "  %%l%d = mul(%%%s, %s): f32[4]\n", i, last, i % 2 ? "SCALE" : "0.8"; last = "l" i }
  printf "  return %%%s\n}\n", last }' >long.gir
sed 's/SCALE/1.25/' long.gir >long_a.gir
sed 's/SCALE/1.2500001/' long.gir >long_b.gir
"$run" long_a.gir --compare long_b.gir --random 1 --report long.html >table.txt 2>err || fail "no long report: $(cat err)"
cat >long_script.html <<'HTML'
<script>
document.querySelectorAll('thead button')[3].click();
document.title = 'rows ' + document.querySelectorAll('tbody tr').length;
</script>
HTML
cat long.html long_script.html >long_with.html
see --dump-dom "file://$dir/long_with.html" | grep -o '<title>rows [0-9]*' >dom.txt
grep -q 'rows 5000' dom.txt || fail "5,000 layers: $(cat dom.txt)"
[ "$failed" = 0 ]

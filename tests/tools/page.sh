#!/bin/sh
# The page that ir-run --report writes, in Chromium: it draws, sorts and opens layers, runs no name as code, and its table
# is there without scripts. Skipped where Chromium is not installed. usage: page.sh IR_RUN
run=$(realpath "$1")
browser=$(command -v chromium || command -v chromium-browser) || { echo "skipped: chromium is not installed"; exit 77; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
fail() { echo "FAIL $1"; failed=$((failed + 1)); }

cat >a.gir <<'GIR'
graft 1
graph main(%x: f32[64]) {
  %"<img src=x onerror=alert(1)>" = mul(%x, 3.0): f32[64]
  %"'\"</script><script>alert(1)</script>" = relu(%"<img src=x onerror=alert(1)>"): f32[64]
  %c = add(%"'\"</script><script>alert(1)</script>", 1.0): f32[64]
  return %c
}
GIR
sed 's/3.0)/2.0)/' a.gir >b.gir
"$run" a.gir --compare b.gir --random 1 --report page.html >table.txt || fail "no report"

# what a reader does, after the page's own script
cat >script.html <<'HTML'
<script>
onerror = e => { document.title = 'error: ' + e; };
const names = () => [...document.querySelectorAll('tbody th')].map(h => h.textContent);
const before = names().join();
const all = [...document.querySelectorAll('thead th')].find(h => h.textContent === 'all');
all.querySelector('button').click();
const worst = names()[0];
all.querySelector('button').click();
location.hash = '#l1';
setTimeout(() => {
  const box = document.querySelector('svg').getBoundingClientRect();
  document.body.innerHTML = '<p id=out></p>';
  document.getElementById('out').textContent = JSON.stringify({
    before, worst, last: window.last, open: window.opened, drawn: box.width > 100 && box.height > 50,
    wide: window.wide, images: window.images, sort: window.sorted});
}, 300);
setTimeout(() => {
  window.last = names()[0];
  window.sorted = all.getAttribute('aria-sort');
  window.opened = document.getElementById('l1').open;
  window.images = document.images.length;
  window.wide = document.documentElement.scrollWidth <= innerWidth;
}, 100);
</script>
HTML
cat page.html script.html >with.html
see() { timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$dir/profile" --virtual-time-budget=5000 "$@" 2>/dev/null; }
see --window-size=500,900 --dump-dom "file://$dir/with.html" >dom.txt
grep -q 'id="out"' dom.txt || fail "the page's script does not run: $(head -c 300 dom.txt)"
for want in '"open":true' '"drawn":true' '"images":0' '"wide":true' '"sort":"descending"' '"last":"c"'; do
  grep -q "$want" dom.txt || fail "lacks $want: $(grep -o 'id="out".*' dom.txt)"
done
# without scripts the table is there, in graph order
sed "s/; script-src 'unsafe-inline'//" page.html >plain.html
see --dump-dom "file://$dir/plain.html" >plain.txt
! grep -q "<button" plain.txt || fail "scripts ran where they should not"
[ "$(grep -c '<tr' plain.txt)" = 4 ] || fail "without scripts the table has not four rows"
[ "$failed" = 0 ]

#!/bin/sh
# What the commands do to files and streams: OUT keeps its mode and its link, nothing is left behind by an error or a
# signal, output that is lost is an error, an input that shrinks changes nothing, what others wrote cannot act on a
# terminal. usage: files.sh IR_OPT IR_RUN IR_DIFF
opt=$(realpath "$1") run=$(realpath "$2") differ=$(realpath "$3")
# shellcheck source=tests/tools/expect.sh
. "$(dirname "$0")/expect.sh"
is() { [ "$1" = "$2" ] || fail "$3: $1, expected $2"; }
nothing_left() { # beside what is named in the second argument
  is "$(ls -A "$1" | tr '\n' ' ')" "$2" "$3: what is in $1"
}

mkdir other
printf 'graft 1\ngraph main(%%x: f32[1, 3]) {\n  %%y = relu(%%x): f32[1, 3]\n  return %%y\n}\n' >small.gir
cat >stored.gir <<GIR
graft 1
tensor %w: f32[100] parameter = [$(seq -s ', ' 1 100)]
graph main(%x: f32[100]) {
  %y = add(%x, %w): f32[100]
  return %y
}
GIR
cat >wide.gir <<GIR
graft 1
tensor %w: f32[2000] parameter = [$(seq -s ', ' 1 2000)]
graph main() {
  return %w
}
GIR

# -- OUT: its mode, its owner, its link
umask 027
expect 0 "a new file" "$opt" small.gir -o new.gir
is "$(stat -c %a new.gir)" 640 "a new file goes by the umask"
for mode in 600 644 777 604; do
  chmod $mode new.gir
  expect 0 "over a file of mode $mode" "$opt" small.gir -o new.gir
  is "$(stat -c %a new.gir)" $mode "the mode stays"
done
if [ "$(id -u)" = 0 ]; then
  chown 12:34 new.gir
  expect 0 "over another's file" "$opt" small.gir -o new.gir
  is "$(stat -c %u:%g:%a new.gir)" 12:34:604 "the owner stays"
fi
umask 022
ln -s ../new.gir other/link.gir
ln -s other/link.gir link.gir
cp stored.gir old.gir
expect 0 "through two links" "$opt" old.gir -o link.gir
is "$(readlink link.gir) $(readlink other/link.gir)" "other/link.gir ../new.gir" "links stay"
is "$(grep -c relu new.gir)" 0 "what the link leads to is written"
expect 0 "the companion lies beside the name that was given" "$opt" link.gir
is "$(ls link.safetensors)" link.safetensors "the companion"
ln -s nowhere.gir dangling.gir
expect 0 "a link to nothing" "$opt" small.gir -o dangling.gir
is "$(readlink dangling.gir)" nowhere.gir "a link to nothing stays"
expect 0 "and its file is made" "$opt" nowhere.gir
ln -s round.gir round.gir
expect 1 "a link to itself" "$opt" small.gir -o round.gir
said "round.gir: error: cannot write: Too many levels of symbolic links" "a link to itself"
ln -s big.safetensors kept.safetensors
expect 0 "a companion that is a link" "$opt" stored.gir -o kept.gir
is "$(readlink kept.safetensors)" big.safetensors "a companion's link stays"
expect 0 "and is read through it" "$opt" kept.gir

# -- OUT is INPUT
for file in same.gir same.gfb same.onnx; do
  expect 0 "make $file" "$opt" stored.gir -o $file
  expect 0 "$file onto itself" "$opt" $file -o $file
  expect 0 "$file onto itself again" "$opt" $file --passes dce -o $file
done

# -- OUT is no regular file
expect 0 "/dev/stdout" "$opt" small.gir -o /dev/stdout
is "$(grep -c relu out)" 1 "/dev/stdout"
{ echo before; "$opt" small.gir -o /dev/stdout; echo after; } >mixed 2>err
is "$(sed -n '1p;$p' mixed | tr '\n' ' ')" "before after " "/dev/stdout keeps what stands around it"
is "$("$opt" small.gir -o /dev/fd/1 | grep -c relu)" 1 "/dev/fd/1 into a pipe"
mkfifo pipe
cat pipe >"read" &
expect 0 "a pipe" "$opt" small.gir -o pipe
wait $!
is "$(grep -c relu "read") $([ -p pipe ] && echo pipe)" "1 pipe" "a pipe"
expect 0 "a device" "$opt" stored.gir -o /dev/null
expect 1 "a device has no file beside it" "$opt" stored.gir --emit onnx --external-data -o /dev/null
said "no file can lie beside a device" "external data of a device"
expect 1 "a folder" "$opt" small.gir -o other
said "other: error: cannot write: Is a directory" "a folder as OUT"
expect 1 "a full device" "$opt" small.gir -o /dev/full
said "/dev/full: error: cannot write: No space left" "a full device"

# -- no room: nothing is left, and what was there stays
mkdir full
cp small.gir full/net.gir
(ulimit -f 1; trap '' XFSZ; exec "$opt" wide.gir --inline-data -o full/net.gir) 2>err >out
is $? 1 "no room"
said "full/net.gir: error: cannot write: File too large" "no room"
cmp -s small.gir full/net.gir || fail "no room: the old file has changed"
nothing_left full "net.gir " "no room"
if [ "$(id -u)" != 0 ]; then
  chmod a-w full
  expect 1 "a read-only folder" "$opt" small.gir -o full/new.gir
  said "full/new.gir: error: cannot write: Permission denied" "a read-only folder"
  chmod u+w full
  chmod a-w full/net.gir
  expect 1 "a read-only file" "$opt" stored.gir -o full/net.gir
  said "full/net.gir: error: cannot write: Permission denied" "a read-only file"
  nothing_left full "net.gir " "read-only"
fi

# -- a signal: the temporary file of OUT is there while its companion waits for the reader of a pipe
mkdir signals
mkfifo signals/net.safetensors
for signal in INT.2 TERM.15 HUP.1; do
  number=${signal#*.} signal=${signal%.*}
  perl -e '$SIG{INT} = $SIG{TERM} = $SIG{HUP} = "DEFAULT"; exec @ARGV' "$opt" stored.gir -o signals/net.gir 2>err &
  waited=0
  until find signals -name '*tmp*' | grep -q .; do
    waited=$((waited + 1))
    [ $waited -lt 600 ] || fail "$signal: no temporary file was seen"
    sleep 0.05
  done
  kill -s $signal $!
  wait $!
  is $? $((128 + number)) "$signal: the exit status"
  nothing_left signals "net.safetensors " "$signal"
done

# -- lost standard output
lost() { # COMMAND...: three ways to lose it
  "$@" >/dev/full 2>err
  is $? $lost "$*: a full device"
  said "cannot write" "$*: a full device"
  "$@" >&- 2>err
  is $? $lost "$*: closed"
  said "cannot write" "$*: closed"
  { "$@" 2>err; echo $? >status; } | :
  [ "$(cat status)" = 141 ] && fail "$*: a broken pipe ended it"
}
lost=1
lost "$opt" small.gir
for format in binary onnx json dot; do lost "$opt" small.gir --emit $format; done
for list in passes ops patterns quantizers; do lost "$opt" --list-$list; done
lost "$opt" --help
lost "$opt" --version
lost "$opt" small.gir --explain y
lost "$opt" small.gir -o /dev/stdout
lost "$run" small.gir --random 1
lost "$run" small.gir --random 1 --values
lost "$run" small.gir --random 1 --compare small.gir
lost "$run" small.gir --random 1 -o -
lost=2 # as diff has it: 1 is a difference
lost "$differ" small.gir --random 1
"$opt" small.gir -o made.gir >&- 2>err
is $? 0 "nothing is printed, so nothing is lost"
expect 0 "a file opened while standard output was closed" "$opt" made.gir

# -- input that is none
expect 1 "a folder as input" "$opt" other
said "other: error: cannot read: Is a directory" "a folder as input"
: >empty
expect 1 "an empty file" "$opt" empty
said "empty: error: the file is empty" "an empty file"
if [ "$(id -u)" != 0 ]; then
  chmod a-r empty
  expect 1 "an unreadable file" "$opt" empty
  said "empty: error: cannot read: Permission denied" "an unreadable file"
fi
"$opt" - <&- >out 2>err
is $? 1 "standard input is closed"
expect 1 "a companion of standard input" sh -c "cat same.gir | '$opt' -"
said "no other file is opened" "a companion of standard input"

# -- a file that is cut short while the command runs, which waits for its input
mkfifo x.npy
for cut in same.gfb same.onnx; do
  cp $cut shrinks
  "$run" shrinks --input x=x.npy --output-dir after >out 2>err &
  perl -e 'open(F, ">", $ARGV[0]) or die; truncate("shrinks", 0); binmode F;
           my $h = "{\x27descr\x27: \x27<f4\x27, \x27fortran_order\x27: False, \x27shape\x27: (100,), }";
           $h .= " " x (117 - length $h) . "\n";
           print F "\x93NUMPY\x01\x00", pack("v", length $h), $h, pack("f<*", (1) x 100)' x.npy
  wait $!
  is $? 0 "$cut is cut short while it runs"
done

# -- what others wrote cannot act on a terminal
esc=$(printf '\033')
printf 'graft 1\ngraph main(%%"\\x1b[31mred": f32[2]) {\n  %%"b\\xff" = nonsense(%%"\\x1b[31mred"): f32[2]\n  return\n}\n' >names.gir
expect 1 "an escape in a name" "$opt" names.gir
printf 'graft 1\n\tgraph main(%%x: f32[2]) { \303\251 \033[2J \342\200\256 %%\n' >line.gir
expect 1 "an escape in a line" "$opt" line.gir
grep -q "$esc" err && fail "an escape came through"
said '\\x1b\[2J' "an escape in a line" # the caret stands below what it means
expect 1 "an escape in a file's name" "$opt" "no${esc}[31m"
said 'no\\x1b\[31m: error: cannot read' "a file's name"
expect 2 "an escape in an option" "$opt" "--no${esc}[31m" small.gir
grep -q "$esc" err && fail "an escape came through of an option"
printf 'graft 1\ngraph main(%%x: f32[2]) {\n  %%y = relu(%%x): f32[2]\n  return %%y as "\\x1b[31my\\n"\n}\n' >outputs.gir
expect 0 "an escape in a result's name" "$run" outputs.gir --random 1
grep -q "$esc" out && fail "an escape came through to standard output"
expect 0 "a comparison of such" "$run" outputs.gir --compare outputs.gir --random 1

exit $((failed > 0))

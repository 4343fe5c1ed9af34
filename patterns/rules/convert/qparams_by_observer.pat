# qparams(state) {formula: kernel}  ==>  qparams(state) {formula: observer}
# Not an equality: this is convert{qparams=observer}. torchao up to 0.18 trains fused fake-quants with one formula and
# writes what the other one gives into the converted graph, from the same minimum and maximum; eps is the spec's.
rule qparams_by_observer
match
  %s, %z = qparams(%state) {formula: "kernel", ..$how}
where
  no_spec(..)
rewrite
  %s, %z = qparams(%state) {formula: "observer", ..$how}

# Recurrent layers, by back-propagation through time. With dh and dc what flows to h and c behind a step, and dg what flows to the sums s of its gates,
# which it is known for going back from the step behind it:
#   dx = dg W,  dW = sum(dg^T x),  dR = sum(dg^T h'),  db = sum(dg),  dh' = dg R,   h', c' before the step, sums over steps and rows.
# What a sum was clipped from has no gradient where it was.

# i, o, f = f(s), g = g(s), c = f c' + i g, h = o h(c), with peepholes p c' or (o) p c in s:
#   do = dh h(c) f'(s),  dc += dh o h'(c) + do p,  dg = dc i g'(s),  di = dc g f'(s),  df = dc c' f'(s),  dc' = dc f + di p + df p,  dp = sum(di c')
rule gradient_lstm
match
  context %y, %h?, %c? = lstm(%x, %w, %r, %b?, %lens?, %h0?, %c0?, %p?) {..$how}
  %dx, %dw, %dr, %db?, %dlens?, %dh0?, %dc0?, %dp? = gradient(%y, %dy?, %dh?, %dc?)
rewrite
  %to_x, %to_w, %to_r, %to_b, %to_h0, %to_c0, %to_p = lstm_backward(%dy?, %x, %w, %r, %b?, %lens?, %h0?, %c0?, %p?, %dh?, %dc?) {..$how}
  %dx = %to_x
  %dw = %to_w
  %dr = %to_r
  %db? = %to_b
  %dh0? = %to_h0
  %dc0? = %to_c0
  %dp? = %to_p
  %none = zeros_like(%lens)   if %lens else %to_x
  %dlens? = %none

# z, r = f(s), n = g(s), h = (1 - z) n + z h', with r (h' R + b) or (r h') R + b in n's s:
#   dz = dh (h' - n) f'(s),  dn = dh (1 - z) g'(s),  dr = dn (h' R + b) f'(s) or (dn R) h' f'(s),  dh' += dh z
rule gradient_gru
match
  context %y, %h? = gru(%x, %w, %r, %b?, %lens?, %h0?) {..$how}
  %dx, %dw, %dr, %db?, %dlens?, %dh0? = gradient(%y, %dy?, %dh?)
rewrite
  %to_x, %to_w, %to_r, %to_b, %to_h0 = gru_backward(%dy?, %x, %w, %r, %b?, %lens?, %h0?, %dh?) {..$how}
  %dx = %to_x
  %dw = %to_w
  %dr = %to_r
  %db? = %to_b
  %dh0? = %to_h0
  %none = zeros_like(%lens)   if %lens else %to_x
  %dlens? = %none

# h = f(s):  dg = dh f'(s)
rule gradient_rnn
match
  context %y, %h? = rnn(%x, %w, %r, %b?, %lens?, %h0?) {..$how}
  %dx, %dw, %dr, %db?, %dlens?, %dh0? = gradient(%y, %dy?, %dh?)
rewrite
  %to_x, %to_w, %to_r, %to_b, %to_h0 = rnn_backward(%dy?, %x, %w, %r, %b?, %lens?, %h0?, %dh?) {..$how}
  %dx = %to_x
  %dw = %to_w
  %dr = %to_r
  %db? = %to_b
  %dh0? = %to_h0
  %none = zeros_like(%lens)   if %lens else %to_x
  %dlens? = %none

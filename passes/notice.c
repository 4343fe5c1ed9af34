/* One warning for many places: how many there are, and the names of the worst. */
#include <stdio.h>
#include <string.h>

#include "passes/quant_impl.h"

void gr_notice_add(gr_notice *n, const char *name, double weight) {
  uint32_t at = n->kept < GR_NOTICE_NAMES ? n->kept : GR_NOTICE_NAMES;
  n->count++;
  while (at > 0 && n->worst[at - 1].weight < weight) at--;
  if (at == GR_NOTICE_NAMES) return;
  const uint32_t last = n->kept < GR_NOTICE_NAMES ? n->kept++ : GR_NOTICE_NAMES - 1;
  memmove(&n->worst[at + 1], &n->worst[at], (last - at) * sizeof n->worst[0]);
  n->worst[at].weight = weight;
  (void)snprintf(n->worst[at].name, sizeof n->worst[at].name, "%s", name);
}

void gr_notice_warn(gr_pass *p, const gr_notice *n, const char *what) {
  char names[GR_NOTICE_NAMES * (sizeof n->worst[0].name + 4)] = "";
  size_t at = 0;
  if (n->count == 0) return;
  for (uint32_t i = 0; i < n->kept && at < sizeof names; i++) {
    const int k = snprintf(names + at, sizeof names - at, "%s'%s'", i ? ", " : "", n->worst[i].name);
    if (k > 0) at += (size_t)k;
  }
  if (n->count > n->kept)
    gr_warning(p->context, GRAFT_PASS, gr_module_loc(p->module), "%s: %s and %llu more", what, names,
               (unsigned long long)(n->count - n->kept));
  else
    gr_warning(p->context, GRAFT_PASS, gr_module_loc(p->module), "%s: %s", what, names);
}

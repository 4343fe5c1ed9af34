/* One warning for many places: how many there are, and the names of the worst. */
#include <stdio.h>
#include <string.h>

#include "passes/quant_impl.h"

/* Of a long name the middle is left out: numbers at the end tell layers apart. */
static void shorten(char *out, size_t size, const char *name) {
  static const char gap[] = "…";
  const size_t length = strlen(name), head = size / 3, tail = size - head - sizeof gap;
  if (length < size)
    memcpy(out, name, length + 1);
  else
    (void)snprintf(out, size, "%.*s%s%s", (int)head, name, gap, name + length - tail);
}

void gr_notice_name(const graft_graph *g, graft_value v, char *buffer, size_t size) {
  const graft_node maker = v == GRAFT_NONE ? GRAFT_NONE : gr_value_node(g, v);
  const graft_value weight =
      maker != GRAFT_NONE && gr_is_marked(g, maker, GR_MARK_TRAINING_FORM) ? gr_operand(g, maker, 0) : GRAFT_NONE;
  graft_value_name(g, weight != GRAFT_NONE && gr_value_tensor(g, weight) != GRAFT_NONE ? weight : v, buffer, size);
}

void gr_notice_add(gr_notice *n, const char *name, const char *detail, double weight) {
  uint32_t at = n->kept < GR_NOTICE_NAMES ? n->kept : GR_NOTICE_NAMES;
  n->count++;
  while (at > 0 && n->worst[at - 1].weight < weight) at--;
  if (at == GR_NOTICE_NAMES) return;
  const uint32_t last = n->kept < GR_NOTICE_NAMES ? n->kept++ : GR_NOTICE_NAMES - 1;
  memmove(&n->worst[at + 1], &n->worst[at], (last - at) * sizeof n->worst[0]);
  n->worst[at].weight = weight;
  shorten(n->worst[at].name, sizeof n->worst[at].name, name);
  (void)snprintf(n->worst[at].detail, sizeof n->worst[at].detail, "%s", detail);
}

void gr_notice_warn(gr_pass *p, const gr_notice *n, const char *what) {
  char names[GR_NOTICE_NAMES * (sizeof n->worst[0] + 8)] = "";
  size_t at = 0;
  if (n->count == 0) return;
  for (uint32_t i = 0; i < n->kept && at < sizeof names; i++) {
    const int k = snprintf(names + at, sizeof names - at, "%s'%s%s%s'", i ? ", " : "", n->worst[i].name,
                           n->worst[i].detail[0] ? " " : "", n->worst[i].detail);
    if (k > 0) at += (size_t)k;
  }
  if (n->count > n->kept)
    gr_warning(p->context, GRAFT_PASS, gr_module_loc(p->module), "%s: %s and %llu more", what, names,
               (unsigned long long)(n->count - n->kept));
  else
    gr_warning(p->context, GRAFT_PASS, gr_module_loc(p->module), "%s: %s", what, names);
}

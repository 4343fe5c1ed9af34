/* Handles of tensors: a graph's values that stand for tensors of the module, found by tensor.
 *
 * A table with open addressing, as long as the graph has handles, however many tensors the module has. A tensor's slot
 * is its own number where the table is that long, so that the table of a graph that reads all tensors is an array by
 * tensor; where that slot is taken, or past the end, it is the first free one of mixed places, and in the end of all
 * from the last of these on. Not of all from the first on: the slots of tensors that follow each other are one long
 * run. */
#include "ir/graph/graph_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MIXED = 64 }; /* with 7 of 8 slots taken, one tensor in 5,000 finds none among so many */

/* The slot that is looked at after so many others, the last of which is `before`. */
static uint32_t slot_after(const gr_tensor_handles *h, graft_tensor t, uint64_t steps, uint32_t before) {
  if (steps >= MIXED) return before + 1 == h->len ? 0 : before + 1;
  return (uint32_t)((gr_mix(t + (steps << 32)) >> 32) * h->len >> 32);
}

static bool is_of(const graft_graph *g, uint32_t slot, graft_tensor t) {
  const graft_value v = g->handles.data[slot];
  return v < g->values.len && gr_value_tensor(g, v) == t;
}

/* The steps are counted since the verifier looks things up in what may be broken. */
uint32_t gr_handle_slot(const graft_graph *g, graft_tensor t) {
  const gr_tensor_handles *h = &g->handles;
  if (t < h->len && is_of(g, t, t)) return t;
  const uint64_t most = h->len ? h->len + UINT64_C(1) * MIXED : 0;
  uint32_t slot = 0;
  for (uint64_t steps = 0; steps < most; steps++) {
    slot = slot_after(h, t, steps, slot);
    if (h->data[slot] == GRAFT_NONE) return GRAFT_NONE;
    if (is_of(g, slot, t)) return slot;
  }
  return GRAFT_NONE;
}

graft_value gr_handle_probe(const graft_graph *g, graft_tensor t) {
  const uint32_t slot = gr_handle_slot(g, t);
  return slot == GRAFT_NONE ? GRAFT_NONE : g->handles.data[slot];
}

/* Where a handle goes that is new; a slot is free. */
static uint32_t free_slot(const gr_tensor_handles *h, graft_tensor t) {
  if (t < h->len && h->data[t] >= GR_HANDLE_GONE) return t;
  uint32_t slot = slot_after(h, t, 0, 0);
  for (uint64_t steps = 1; h->data[slot] < GR_HANDLE_GONE; steps++) slot = slot_after(h, t, steps, slot);
  return slot;
}

void gr_handles_put_aside(gr_tensor_handles *h, graft_tensor t, graft_value v) {
  const uint32_t slot = free_slot(h, t);
  assert(h->data);
  h->taken += h->data[slot] == GRAFT_NONE;
  h->data[slot] = v;
}

static bool with_slots(graft_context *c, gr_tensor_handles *h, uint64_t slots) {
  if (slots >= GR_HANDLE_GONE) return gr_no_memory(c), false;
  *h = (gr_tensor_handles){0};
  if (slots == 0) return true;
  h->data = gr_alloc(c, (size_t)slots * sizeof *h->data);
  if (!h->data) return false;
  memset(h->data, 0xff, (size_t)slots * sizeof *h->data);
  h->len = h->cap = (uint32_t)slots;
  return true;
}

bool gr_handles_create(graft_context *c, gr_tensor_handles *h, uint32_t count, uint32_t end) {
  const uint64_t roomy = count + (uint64_t)count / 2;
  return with_slots(c, h, end < roomy ? end : roomy);
}

/* Room for one more, at most 7 of 8 slots being taken. Old tables that an edit may go back to are the undo's. */
static bool make_room(graft_graph *g) {
  gr_tensor_handles *h = &g->handles, more;
  if ((h->taken + UINT64_C(1)) * 8 <= h->len * UINT64_C(7)) return true;
  const uint32_t count = gr_handle_count(g);
  if (!with_slots(g->module->context, &more, 2 * (uint64_t)count + 8)) return false;
  for (uint32_t i = 0; i < h->len; i++)
    if (h->data[i] < GR_HANDLE_GONE) gr_handles_put(&more, gr_value_tensor(g, h->data[i]), h->data[i]);
  gr_undo_array(g, GR_HANDLES);
  gr_vec_free(g->module->context, h);
  *h = more;
  return true;
}

graft_value gr_handle(graft_graph *g, graft_tensor t) {
  graft_value v = gr_handle_of(g, t);
  if (v != GRAFT_NONE) return v;
  if (!gr_undo_room(g->module, 3) || !make_room(g) || !gr_holders_put(g, t)) return GRAFT_NONE;
  gr_undo_length(g, GR_VALUES);
  v = gr_value_add(g, g->module->tensors.data[t].type, GR_DEF_TENSOR, t, (gr_name){0, 0});
  if (v == GRAFT_NONE) return GRAFT_NONE;
  gr_undo_item(g, GR_HANDLES, free_slot(&g->handles, t));
  gr_handles_put(&g->handles, t, v);
  return v;
}

void gr_handle_erase(graft_graph *g, uint32_t slot) {
  gr_kill_value(g, g->handles.data[slot]);
  gr_undo_item(g, GR_HANDLES, slot);
  g->handles.data[slot] = GR_HANDLE_GONE;
}

uint32_t gr_handle_count(const graft_graph *g) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < g->handles.len; i++) count += g->handles.data[i] < GR_HANDLE_GONE;
  return count;
}

static int by_tensor(const void *a, const void *b) {
  const graft_tensor x = ((const gr_held *)a)->tensor, y = ((const gr_held *)b)->tensor;
  return (x > y) - (x < y);
}

void gr_held_sort(gr_held_list *list) {
  for (uint32_t i = 1; i < list->len; i++)
    if (list->data[i - 1].tensor > list->data[i].tensor) {
      qsort(list->data, list->len, sizeof *list->data, by_tensor);
      return;
    }
}

bool gr_handles_list(const graft_graph *g, gr_held_list *out) {
  out->len = 0;
  if (!gr_vec_reserve(g->module->context, out, g->handles.len)) return false;
  for (uint32_t i = 0; i < g->handles.len; i++) {
    const graft_value v = gr_handle_at(g, i);
    if (v != GRAFT_NONE) out->data[out->len++] = (gr_held){gr_value_tensor(g, v), v};
  }
  gr_held_sort(out);
  return true;
}

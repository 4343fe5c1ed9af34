/* Handles: their beginning, their end, and what is said of those that are none. */
#include "ir/graph/context_impl.h"
#include "ir/graph/handle_int.h"

/* What every handle begins with, and what is left of a dead one. */
typedef struct gr_dead {
  GR_HANDLE;
  struct gr_dead *next;
  size_t size;
} gr_dead;

/* Handles of one context may be made and ended by several threads (sessions of one module). */
static void lock(graft_context *c) {
  while (atomic_flag_test_and_set_explicit(&c->handles.busy, memory_order_acquire)) {
  }
}
static void unlock(graft_context *c) { atomic_flag_clear_explicit(&c->handles.busy, memory_order_release); }

void gr_handle_begin(void *handle, gr_handle_kind kind, graft_context *c) {
  gr_dead *h = handle;
  h->tag = GR_TAG | (uint32_t)kind;
  h->pins = 0;
  h->context = c;
  lock(c);
  c->handles.live++;
  unlock(c);
}

/* Behind the dead ones of its kind; the oldest, where they are too many, comes back to be freed. */
static gr_dead *keep(graft_context *c, gr_dead *h) {
  gr_dead_list *list = &c->handles.dead[h->tag & 0xFFu];
  *(list->last ? &list->last->next : &list->first) = h;
  list->last = h;
  if (list->count++ < GR_DEAD_KEPT) return NULL;
  gr_dead *oldest = list->first;
  list->first = oldest->next;
  list->count--;
  return oldest;
}

static void bury(graft_context *c, gr_dead *oldest) {
  if (oldest) gr_free(c, oldest, oldest->size);
}

void gr_handle_end(void *handle, size_t size) {
  gr_dead *h = handle;
  graft_context *c = h->context;
  h->tag |= GR_DEAD;
  h->next = NULL;
  h->size = size;
  lock(c);
  gr_dead *oldest = h->pins ? NULL : keep(c, h);
  const bool last = --c->handles.live == 0 && c->handles.closing;
  unlock(c);
  bury(c, oldest);
  if (last) gr_context_free(c);
}

graft_context *gr_handle_context(const void *handle) { return ((const gr_dead *)handle)->context; }

void gr_handle_pin(void *handle) {
  gr_dead *h = handle;
  lock(h->context);
  h->pins++;
  unlock(h->context);
}

void gr_handle_unpin(void *handle) {
  gr_dead *h = handle;
  graft_context *c = h->context;
  lock(c);
  gr_dead *oldest = --h->pins == 0 && h->tag & GR_DEAD ? keep(c, h) : NULL;
  unlock(c);
  bury(c, oldest);
}

void gr_handles_free(graft_context *c) {
  for (int kind = 0; kind < GR_HANDLE_KINDS; kind++)
    for (gr_dead *h = c->handles.dead[kind].first, *next; h; h = next) {
      next = h->next;
      gr_free(c, h, h->size);
    }
}

void gr_handle_refuse(graft_context *c, const void *handle, gr_handle_kind kind, const char *function) {
  static const char *const names[GR_HANDLE_KINDS] = {
      [GR_HANDLE_CONTEXT] = "context",    [GR_HANDLE_MODULE] = "module",
      [GR_HANDLE_GRAPH] = "graph",        [GR_HANDLE_SESSION] = "session",
      [GR_HANDLE_RULES] = "set of rules", [GR_HANDLE_QUANTIZERS] = "set of quantizers",
      [GR_HANDLE_COMPARE] = "comparison", [GR_HANDLE_LAYERS] = "list of layers"};
  const uint32_t tag = handle ? *(const uint32_t *)handle : 0, found = tag & 0xFFu;
  const bool known = handle && (tag & ~(GR_DEAD | 0xFFu)) == GR_TAG && found < GR_HANDLE_KINDS;
  if (!c && known) c = ((const gr_dead *)handle)->context;
  if (!c) return;
  if (!handle)
    gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s: no %s was given", function, names[kind]);
  else if (!known || found != (uint32_t)kind)
    gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s: the %s that was given is %s%s", function, names[kind],
             known ? "a " : "none", known ? names[found] : "");
  else
    gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s: the %s was destroyed", function, names[kind]);
}

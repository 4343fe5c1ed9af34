/* Contexts: the default allocator, creation and destruction. */
#include "ir/graph/context_impl.h"
#include "ir/graph/keep_int.h"
#include "ir/graph/temporary_int.h"
#include "ir/ir_int.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define LARGE (2 * HUGE_PAGE)

static void *default_allocator(void *user, void *pointer, size_t old_size, size_t new_size) {
  (void)user;
  (void)old_size;
  if (new_size == 0) {
    free(pointer);
    return NULL;
  }
  void *p = realloc(pointer, new_size);
  if (p && new_size >= LARGE) {
    /* Only advice: the first touch of a large array costs one fault in 2 MiB, where the system allows it. */
    size_t skip = (HUGE_PAGE - (uintptr_t)p % HUGE_PAGE) % HUGE_PAGE;
    madvise((char *)p + skip, (new_size - skip) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
  }
  return p;
}

bool gr_copy_pool(graft_thread_pool *ours, const graft_thread_pool *given) {
  if (!given) return true;
  graft_thread_pool pool = {.size = sizeof pool};
  if (!gr_copy_options(&pool, sizeof pool, given) || pool.threads == 0 || !pool.parallel_for) return false;
  *ours = pool;
  return true;
}

const graft_thread_pool *gr_context_pool(const graft_context *c) { return c->pool.size ? &c->pool : NULL; }

graft_context *graft_context_create(const graft_context_options *options) {
  graft_context_options o = {.size = sizeof o};
  graft_thread_pool pool = {0};
  if (!gr_copy_options(&o, sizeof o, options) || !gr_copy_pool(&pool, o.pool)) return NULL;
  graft_allocator allocator = o.allocator ? o.allocator : default_allocator;
  void *user = o.allocator_user;
  graft_context *c = allocator(user, NULL, 0, sizeof *c);
  if (!c) return NULL;
  memset(c, 0, sizeof *c);
  c->tag = GR_TAG | GR_HANDLE_CONTEXT;
  c->context = c;
  atomic_flag_clear(&c->handles.busy);
  c->allocator = allocator;
  c->allocator_user = user;
  c->pool = pool;
  c->max_diagnostics = o.max_diagnostics ? o.max_diagnostics : 64;
  c->budget = (gr_budget){.max_bytes = o.max_bytes,
                          .max_work = o.max_work,
                          .progress = o.progress,
                          .progress_user = o.progress_user,
                          .now = {.size = sizeof(graft_progress), .what = ""}};
  return c;
}

void gr_watch_temporaries(graft_context *c, void (*watch)(const char *path, bool begins)) {
  c->watch_temporary = watch;
}

void gr_tell_temporary(const graft_context *c, const char *path, bool begins) {
  if (c->watch_temporary) c->watch_temporary(path, begins);
}

void *gr_context_kept(const graft_context *c) { return c->kept; }

void gr_context_keep(graft_context *c, void *thing, void (*drop)(void *thing)) {
  c->handles.live--; /* it does not hold the context back from ending */
  c->kept = thing;
  c->drop_kept = drop;
}

_Static_assert(offsetof(graft_context, looking) == offsetof(gr_context_head, looking), "it begins with its head");

gr_looking gr_look_only(graft_context *c, const char *who) {
  const gr_looking before = c->looking;
  c->looking = (gr_looking){who, ++c->looks};
  return before;
}

void gr_look_again(graft_context *c, gr_looking before) { c->looking = before; }

bool gr_only_looks(graft_context *c, const graft_module *m, const char *what) {
  if (!c->looking.who || (m && !gr_only_looked_at(m))) return false;
  gr_error(c, GRAFT_INVALID_ARGUMENT, (gr_loc){0}, "%s: %s", what, c->looking.who);
  return true;
}

void graft_context_destroy(graft_context *c) {
  if (!GR_IS(c, CONTEXT) || gr_only_looks(c, NULL, "the context cannot be destroyed")) return;
  c->tag |= GR_DEAD;
  c->handles.closing = true;
  if (c->handles.live == 0) gr_context_free(c);
}

void gr_context_free(graft_context *c) {
  if (c->kept) {
    c->handles.closing = false;
    c->handles.live++;
    c->drop_kept(c->kept);
  }
  gr_diagnostics_drop(c);
  gr_handles_free(c);
  gr_vec_free(c, &c->diagnostics);
  c->allocator(c->allocator_user, c, sizeof *c, 0);
}

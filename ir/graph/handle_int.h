/* Handles (handle.c): what a pointer that comes from outside is asked before it is believed.
 *
 * Every struct that a program holds a pointer to (a context, module, graph, session, set of rules, …) begins with a
 * word that says what it is and whether it still lives. Public functions look at it first:
 *
 *     if (!GR_IS(g, GRAPH)) return GRAFT_NONE;                        a getter: a neutral answer, nothing is said
 *     if (!GR_LIVE(g, GRAPH)) return GRAFT_INVALID_ARGUMENT;          all else: a diagnostic in the handle's context
 *     if (!GR_LIVE_IN(c, g, GRAPH)) return GRAFT_INVALID_ARGUMENT;    the same where another handle knows the context
 *
 * To be able to say that a handle was destroyed, the context keeps the memory of the last GR_DEAD_KEPT of each kind,
 * emptied. A pointer to an older one, or to anything that never was a handle, cannot be told from a good one. */
#ifndef GRAFT_HANDLE_INT_H
#define GRAFT_HANDLE_INT_H

#include "ir/ir.h"

#define GR_DEAD_KEPT 256u

/* A tag is this and the kind, with GR_DEAD when it was destroyed. */
#define GR_TAG 0x67720000u
#define GR_DEAD 0x8000u

typedef enum gr_handle_kind {
  GR_HANDLE_CONTEXT,
  GR_HANDLE_MODULE,
  GR_HANDLE_GRAPH,
  GR_HANDLE_SESSION,
  GR_HANDLE_RULES,
  GR_HANDLE_QUANTIZERS,
  GR_HANDLE_COMPARE,
  GR_HANDLE_LAYERS,
  GR_HANDLE_KINDS /* another one: a name in handle.c */
} gr_handle_kind;

/* What a handle's struct begins with; no field stands before it. */
#define GR_HANDLE \
  uint32_t tag; \
  uint32_t pins; /* handles that point to this one: its memory is kept as long as they live */ \
  graft_context *context

/* A call of the embedder's in which it only looks (gr_look_only). */
typedef struct gr_looking {
  const char *who; /* NULL: none */
  uint64_t number;
} gr_looking;

/* What a context begins with: the rest of it is private to graph/ (context_impl.h). */
typedef struct gr_context_head {
  GR_HANDLE;
  gr_looking looking;
} gr_context_head;

/* A new one, of zeroed memory from the context, and its end, after everything that belongs to it was freed: `size` is
 * that of its struct. The context lives at least as long as its last handle. */
void gr_handle_begin(void *handle, gr_handle_kind kind, graft_context *c);
void gr_handle_end(void *handle, size_t size);
/* Who keeps a pointer to another handle (a session, to its graph) pins it: it may die, and be asked for that, but not
 * vanish. */
void gr_handle_pin(void *handle);
void gr_handle_unpin(void *handle);

/* Of a handle of any kind, alive or not. */
graft_context *gr_handle_context(const void *handle);

/* Says what is wrong with a handle that is none of this kind, in `c`, or where that is NULL in the handle's own
 * context. */
void gr_handle_refuse(graft_context *c, const void *handle, gr_handle_kind kind, const char *function);

static inline bool gr_handle_is(const void *handle, gr_handle_kind kind) {
  return __builtin_expect(handle && *(const uint32_t *)handle == (GR_TAG | (uint32_t)kind), 1);
}
#define GR_IS(handle, KIND) gr_handle_is((handle), GR_HANDLE_##KIND)
#define GR_LIVE_IN(c, handle, KIND) \
  (GR_IS(handle, KIND) || (gr_handle_refuse((c), (handle), GR_HANDLE_##KIND, __func__), false))
#define GR_LIVE(handle, KIND) GR_LIVE_IN(NULL, handle, KIND)

#endif

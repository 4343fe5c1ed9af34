/* What every part stands on: growing arrays, a hash map of 64-bit keys, allocation and diagnostics through the context.
 */
#ifndef GRAFT_BASE_INT_H
#define GRAFT_BASE_INT_H

#include "ir/graph/handle_int.h"
#include "ir/ir.h"

/* ---- memory (arena.c): every allocation goes through the context's allocator; NULL is an error like any other ---- */

void *gr_alloc(graft_context *c, size_t size); /* not zeroed; NULL and a diagnostic when out of memory */
void *gr_calloc(graft_context *c, size_t count, size_t size);
void *gr_realloc(graft_context *c, void *p, size_t old_size, size_t new_size);
void gr_free(graft_context *c, void *p, size_t size);

/* A struct of options from outside, which begins with its size: what a shorter one lacks stays as it is in `ours`, what
 * a longer one has beyond is not known here. NULL: all stays. */
graft_status gr_take_options(graft_context *c, void *ours, size_t size, const void *given);
/* The same without a diagnostic; false: it does not begin with its size. */
bool gr_copy_options(void *ours, size_t size, const void *given);

/* A pool from outside; false: it has no size, no threads or nothing to call. NULL leaves `ours` as it is. */
bool gr_copy_pool(graft_thread_pool *ours, const graft_thread_pool *given);
/* The context's; NULL: none. */
const graft_thread_pool *gr_context_pool(const graft_context *c);

/* a * b * c for an allocation; SIZE_MAX, which no allocator gives, where that does not fit. */
static inline size_t gr_size3(size_t a, size_t b, size_t c) {
  size_t ab, abc;
  return __builtin_mul_overflow(a, b, &ab) || __builtin_mul_overflow(ab, c, &abc) ? SIZE_MAX : abc;
}

/* A growing array. `gr_vec_push(c, &v, item)` is false when out of memory; `gr_vec_free(c, &v)` ends it. */
#define GR_VEC(T) \
  struct { \
    T *data; \
    uint32_t len, cap; \
  }
bool gr_vec_grow(graft_context *c, void *vec, size_t item_size, uint64_t need);
/* Room for `extra` more. */
#define gr_vec_reserve(c, v, extra) \
  ((uint64_t)(v)->len + (extra) <= (v)->cap || gr_vec_grow((c), (v), sizeof *(v)->data, (uint64_t)(v)->len + (extra)))
#define gr_vec_push(c, v, item) (gr_vec_reserve(c, v, 1u) ? ((v)->data[(v)->len++] = (item), true) : false)
#define gr_vec_free(c, v) \
  (gr_free((c), (v)->data, (size_t)(v)->cap * sizeof *(v)->data), (v)->data = NULL, (v)->len = 0, (v)->cap = 0)

/* A bump allocator for scratch: everything goes at once. */
typedef struct gr_arena {
  graft_context *context;
  struct gr_arena_block *block;
  size_t used;
} gr_arena;

void gr_arena_init(gr_arena *a, graft_context *c);
void *gr_arena_alloc(gr_arena *a, size_t size);                    /* 16-byte aligned, not zeroed; NULL: no memory */
char *gr_arena_copy(gr_arena *a, const char *text, size_t length); /* NUL-terminated */
void gr_arena_clear(gr_arena *a);                                  /* everything goes, one block is kept */
void gr_arena_free(gr_arena *a);

/* ---- hash map (map.c): 64-bit key -> 32-bit value, open addressing; the caller hashes longer keys and compares ----
 */

typedef struct gr_map_slot {
  uint64_t key;
  uint32_t value; /* GRAFT_NONE: free */
} gr_map_slot;

typedef struct gr_map {
  gr_map_slot *slots;
  uint32_t slot_count, used;
} gr_map;

bool gr_map_put(graft_context *c, gr_map *m, uint64_t key,
                uint32_t value);                    /* replaces, without memory; false: no memory for a new key */
uint32_t gr_map_get(const gr_map *m, uint64_t key); /* GRAFT_NONE: none */
bool gr_map_reserve(graft_context *c, gr_map *m, uint32_t count);
void gr_map_free(graft_context *c, gr_map *m);
uint64_t gr_mix(uint64_t x);                           /* a good 64-bit finalizer */
uint64_t gr_hash_bytes(const void *data, size_t size); /* xxHash3, 64 bits */

/* ---- diagnostics (diag.c)
 * ---------------------------------------------------------------------------------------------- */

/* A name is a string and a number: "relu_2" is ("relu", 2), "relu" is ("relu", 0), so that made-up names cost no bytes.
 * gr_name_split keeps the two forms one to one ("a_0", "a_01" have no number). Base 0 (the empty string): unnamed. */
typedef struct gr_name {
  uint32_t base, number;
} gr_name;

/* Where an error is; all zero: nowhere. What it points to lives longer than it does: a text that is being read, strings
 * of a module (which never move), what a caller gave. A node is called by its name in a module, which is made into text
 * when the error is reported, or by `node`. */
typedef struct gr_loc {
  const char *file;
  uint32_t line, column;
  const char *source; /* start of the source line, ended by NUL or newline; NULL: unknown */
  const char *node;
  const graft_module *module; /* of `name`; NULL: `node` says it */
  gr_name name;
} gr_loc;

/* An option as it was written, of a pass or a quantizer. */
typedef struct gr_option_text {
  const char *name, *value;
  gr_loc name_where, value_where;
} gr_option_text;

/* While the embedder is called where it may only look (a predicate, a progress function), the context and modules that
 * were there before are not changed, run by passes, or destroyed. `who`: of whom messages speak. */
gr_looking gr_look_only(graft_context *c, const char *who);
void gr_look_again(graft_context *c, gr_looking before); /* what gr_look_only gave */
/* Is it so of the module (NULL: of the context)? Then an error says that it is no time for `what`. */
bool gr_only_looks(graft_context *c, const graft_module *m, const char *what);

/* Adds an error and gives `code` back: `return gr_error(c, GRAFT_FORMAT, where, "…")`. */
graft_status gr_error(graft_context *c, graft_status code, gr_loc where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void gr_warning(graft_context *c, graft_status code, gr_loc where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void gr_note(graft_context *c, gr_loc where, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The embedder's, checked: graft_diagnostic_add. */
graft_status gr_diagnostic_given(graft_context *c, graft_severity severity, graft_status code, gr_loc where,
                                 const char *message);
/* The error that needs no memory: every allocating function of the library reports so, its callers need not again. */
graft_status gr_no_memory(graft_context *c);
/* Errors so far, those that could not be kept too: more of them means that something went wrong. */
uint32_t gr_error_count(const graft_context *c);
/* Those from number `from` on, of one file, in the order of its lines. */
void gr_diagnostics_sort(graft_context *c, uint32_t from);
/* While muted errors are not kept, nor counted, except of memory: for who asks whether something can be done. Gives
 * what was before. */
bool gr_mute(graft_context *c, bool muted);
/* The first muted error from now on is written into `text`, until another call; NULL: no more. */
void gr_overhear(graft_context *c, char *text, size_t size);
/* Are there errors since then that nobody has cleared? */
bool gr_error_stands(const graft_context *c, uint32_t errors_before);
/* What a function that others call gives back, as the last net: GRAFT_OK never goes with an error that was not there
 * when it began, nor a failure with none; and whatever ran out of memory is GRAFT_NO_MEMORY. */
graft_status gr_outcome(graft_context *c, uint32_t errors_before, graft_status status);

/* ---- "did you mean" (closest.c): of the words that are known, the nearest to one that is not. It must be near enough
 * to have been meant: one error (a letter missing, too many, wrong, or two swapped) for each three letters.
 *
 *   gr_closest near = gr_closest_begin(text, length);
 *   for (…) gr_closest_offer(&near, known, strlen(known));
 *   gr_error(c, GRAFT_NAME, where, "no op is called '%.*s'%s", (int)length, text, gr_closest_hint(&near, ""));
 *
 * Words are borrowed. A second offer of equal distance does not replace the first. */
typedef struct gr_closest {
  const char *written;
  size_t length;
  const char *word; /* the nearest so far; NULL: none is near enough */
  size_t word_length;
  uint32_t distance;
  char hint[100];
} gr_closest;

gr_closest gr_closest_begin(const char *written, size_t length);
void gr_closest_offer(gr_closest *c, const char *word, size_t length);
/* "; did you mean '%conv'?" with `sigil` "%", or "" where nothing is near enough. */
const char *gr_closest_hint(gr_closest *c, const char *sigil);
/* Offers a whole list, in which NULLs are passed over, and gives the hint. */
const char *gr_closest_of(gr_closest *c, const char *sigil, const char *const *words, size_t count);

#endif

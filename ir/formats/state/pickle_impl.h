/* A pickle that names tensors, read as data. Python's own reader calls what a file names; this one knows the few names
 * of pickle.def, each of them a plain piece of code here, and the file ends where it names another.
 *
 * Values are numbers and never change, but for dicts, which grow. One opcode makes at most one value of 16 bytes, and
 * what is said again by its memo is no copy, so that memory follows the file's size. Nothing recurses. */
#ifndef GRAFT_PICKLE_IMPL_H
#define GRAFT_PICKLE_IMPL_H

#include "ir/formats/state/state_impl.h"
#include "ir/formats/state/zip_impl.h"

typedef enum gr_pickle_kind {
  GR_PICKLED_NONE,
  GR_PICKLED_BOOL,
  GR_PICKLED_INT,
  GR_PICKLED_FLOAT,
  GR_PICKLED_TEXT,
  GR_PICKLED_TUPLE,
  GR_PICKLED_LIST, /* what is in it is not kept: no tensor is looked for there */
  GR_PICKLED_DICT,
  GR_PICKLED_GLOBAL,
  GR_PICKLED_STORAGE,
  GR_PICKLED_TENSOR
} gr_pickle_kind;

#define GR_PICKLED_NOTHING 0u /* the value None */

typedef struct gr_pickled {
  uint8_t kind;
  bool ordered;   /* an OrderedDict, which alone may have attributes */
  bool tensors;   /* a dict that has one under a text */
  uint32_t count; /* bytes of a text, items of a tuple; of a dict the value of its _metadata, or GR_PICKLED_NOTHING */
  union {
    int64_t i; /* a bool too, and the number of a global, storage or tensor in its list */
    double f;
    const char *text;
    struct {
      uint32_t first, last; /* of a tuple's items; a dict's pairs, GRAFT_NONE: it has none */
    } in;
  } as;
} gr_pickled;

typedef struct gr_pickled_pair {
  uint32_t key, value, next; /* values; the dict's next pair or GRAFT_NONE */
} gr_pickled_pair;

typedef struct gr_pickled_storage {
  const char *bytes;
  int64_t elements;
  graft_dtype dtype;
  bool quantized;
} gr_pickled_storage;

typedef struct gr_pickled_tensor {
  gr_state_entry view; /* without a key */
  bool quantized;
  /* Of a quantized one, a tensor each where it is per channel: */
  uint32_t scales, zero_points; /* GRAFT_NONE: per tensor */
  double scale;
  int64_t zero_point;
} gr_pickled_tensor;

typedef struct gr_pickle {
  graft_context *context;
  const char *path;
  const gr_zip *archive;
  gr_text text, folder; /* the pickle; what the names of the archive's entries begin with, "net/" */
  size_t at;
  bool stopped;
  GR_VEC(gr_pickled) values;
  GR_VEC(uint32_t) items; /* of tuples */
  GR_VEC(gr_pickled_pair) pairs;
  GR_VEC(gr_pickled_storage) storages;
  GR_VEC(gr_pickled_tensor) tensors;
  GR_VEC(uint32_t) stack, marks, memo;
  gr_sink name; /* scratch */
} gr_pickle;

/* The value that the pickle is is the last of the stack. To be freed on failure too. */
graft_status gr_pickle_read(gr_pickle *p, const gr_zip *archive, gr_text folder, gr_text text);
void gr_pickle_free(gr_pickle *p);

static inline const gr_pickled *gr_pickled_at(const gr_pickle *p, uint32_t value) { return &p->values.data[value]; }
static inline gr_text gr_pickled_text(const gr_pickled *v) { return (gr_text){v->as.text, v->count}; }

/* ---- between the opcodes (pickle.c) and what they may call (rebuild.c) ---- */

/* "data.pkl, byte 120: …"; false. */
bool gr_pickle_fail(gr_pickle *p, graft_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool gr_pickle_push(gr_pickle *p, gr_pickled v);
/* The number of a global, or of a storage behind them; a name that is not known is refused: GRAFT_NONE. */
uint32_t gr_pickle_global(gr_pickle *p, gr_text module, gr_text name);
/* Pushes what calling the global gives. */
bool gr_pickle_call(gr_pickle *p, const gr_pickled *callee, const gr_pickled *arguments);
/* Pushes the storage that a persistent id stands for. */
bool gr_pickle_storage(gr_pickle *p, const gr_pickled *id);

#endif

/* A state file as it is read: tensors by key, whose bytes stay where they lie in the file. */
#ifndef GRAFT_STATE_IMPL_H
#define GRAFT_STATE_IMPL_H

#include "ir/formats/sink_int.h"
#include "ir/formats/state/texts_impl.h"
#include "ir/ir_int.h"
#include "ir/state.h"

typedef struct gr_state_entry {
  const char *key;                 /* NUL-terminated UTF-8 */
  graft_type type;                 /* of no dtype: something else than a tensor */
  int64_t strides[GRAFT_MAX_RANK]; /* in elements, none negative */
  const char *data;                /* its first element, in the file or in `texts`; NULL where there is none */
} gr_state_entry;

typedef struct gr_state {
  graft_context *context;
  const char *path; /* in diagnostics */
  gr_buffer *file;  /* borrowed */
  gr_arena texts;
  GR_VEC(gr_state_entry) entries; /* in the file's order, no key twice */
  gr_texts modules;               /* whose version is known, */
  GR_VEC(int64_t) versions;       /* and it */
} gr_state;

/* Told by its content; `dict` as graft_state_options has it. To be freed on failure too. */
graft_status gr_state_read(gr_state *s, graft_context *c, gr_buffer *file, const char *path, const char *dict);
void gr_state_free(gr_state *s);
/* Of the module that a key without its last part names; 0: the file does not say. */
int64_t gr_state_version(const gr_state *s, const char *key);
static inline gr_loc gr_state_loc(const gr_state *s) { return (gr_loc){.file = s->path}; }

/* Strides of elements that lie one behind another, in C order. */
void gr_state_pack(gr_state_entry *e);
bool gr_state_is_packed(const gr_state_entry *e);

/* What a tensor of the module is to its state. */
typedef enum gr_state_part {
  GR_STATE_NONE,
  GR_STATE_ALSO, /* saved, and loaded where the file has it */
  GR_STATE_NEEDED
} gr_state_part;
/* gr_state_part by tensor, m->tensors.len of them, the caller's to free; NULL: no memory. */
uint8_t *gr_state_parts(graft_module *m);

/* Keys and names: a tensor "MODULE.rest" is PREFIX"rest" in the file. */
typedef struct gr_state_scope {
  const char *module, *prefix; /* never NULL */
  size_t module_length, prefix_length;
} gr_state_scope;
gr_state_scope gr_state_scope_of(const graft_state_options *o);
/* GRAFT_NAME: no tensor lies in MODULE. */
graft_status gr_state_check_scope(graft_module *m, const gr_state_scope *scope, const char *path);
/* What follows MODULE. in a name; NULL: it lies elsewhere. */
const char *gr_state_inside(const gr_state_scope *scope, const char *name);
/* Instead of what the text holds: the name, closed by a zero byte. */
void gr_state_name(gr_sink *text, const graft_module *m, graft_tensor t);

#endif

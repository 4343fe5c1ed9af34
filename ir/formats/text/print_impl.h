/* The printer's state, private to text/. Its files stand on each other, and none calls back:
 *   print.c (module, graphs, nodes) > print_notes.c (records, specs), print_tensor.c (tensor lines) > print_value.c. */
#ifndef GRAFT_TEXT_PRINT_IMPL_H
#define GRAFT_TEXT_PRINT_IMPL_H

#include "ir/formats/number_int.h"
#include "ir/formats/text/lex_int.h"
#include "ir/formats/text/text_int.h"

/* Text printed before, by where it lies in the output; length 0: not yet. */
typedef struct printed {
  uint32_t offset, length;
} printed;

/* A double printed lately: bounds of fills and attributes come again and again. */
#define NUMBER_CACHE 64
typedef struct printed_number {
  uint64_t bits;
  size_t length;
  char text[GR_NUMBER_SIZE];
} printed_number;

typedef struct printer {
  gr_sink *out;
  graft_module *module;
  graft_graph *graph; /* the one being printed */
  const char *companion;
  uint32_t large;
  bool no_provenance;
  uint8_t *name_form;      /* by string: 0 not looked at, 1 plain, 2 to be quoted */
  uint8_t *literal;        /* by tensor: written where it is used */
  uint8_t *record;         /* by record: is it used, is it a parent */
  uint32_t *record_number; /* by record: its number; 0: not in the table */
  uint32_t record_count;
  GR_VEC(uint32_t) record_stack;
  uint32_t *spec;         /* by spec: its number in this graph */
  GR_VEC(uint32_t) specs; /* of this graph, in their numbers' order */
  gr_held_list handles;   /* of this graph, if it has specs */
  GR_VEC(printed) types;  /* by type */
  GR_VEC(printed) attrs;
  gr_map attr_ids; /* op << 32 | set -> attrs */
  printed_number numbers[NUMBER_CACHE];
  graft_status status;
} printer;

static inline void gr_print(printer *p, const char *text, size_t size) {
  gr_sink *s = p->out;
  if (size > s->bytes.cap - s->bytes.len) {
    gr_sink_write(s, text, size);
    return;
  }
  __builtin_memcpy(s->bytes.data + s->bytes.len, text, size);
  s->bytes.len += (uint32_t)size;
}
#define gr_print_text(p, literal) gr_print((p), (literal), sizeof(literal) - 1)
void gr_print_int(printer *p, int64_t value);
void gr_print_double(printer *p, double value);

/* print_value.c */
void gr_print_quoted_name(printer *p, gr_name name);
void gr_print_name(printer *p, gr_name name); /* with % */
void gr_print_string(printer *p, uint32_t id);
void gr_print_type(printer *p, uint32_t type);
/* " {…}", or nothing; `key` tells the rows apart (an op's number), `info` NULL: opaque. */
void gr_print_attrs(printer *p, const gr_op_info *info, uint32_t key, uint32_t set);
void gr_print_value(printer *p, graft_value v); /* %name or a scalar */
void gr_print_graph_name(printer *p, uint32_t string);
void gr_print_element(printer *p, graft_dtype dtype, const void *at);

/* print_tensor.c */
void gr_print_tensor(printer *p, graft_tensor t); /* the whole line */

/* print_notes.c */
bool gr_print_records(printer *p);
void gr_print_from(printer *p, uint32_t record);
bool gr_print_specs_begin(printer *p); /* numbers them, before anything of the graph is printed */
void gr_print_specs(printer *p);       /* the graph's table */
void gr_print_specs_end(printer *p);
static inline void gr_print_place(printer *p, uint32_t spec) {
  if (spec == 0) return;
  gr_print_text(p, " ~");
  gr_print_int(p, p->spec[spec]);
}

#endif

/* What json.c, which writes a module as JSON, and json_notes.c, which writes what is said about its nodes, have in
 * common. Private to them. */
#ifndef GRAFT_JSON_IMPL_H
#define GRAFT_JSON_IMPL_H

#include "ir/annotations.h"
#include "ir/formats/format_int.h"
#include "ir/formats/jansson_impl.h"

typedef struct gr_json {
  gr_sink *out;
  graft_module *m;
  const graft_graph *g;
  int digits;  /* that the reals of the value under construction need */
  bool failed; /* a part of that value could not be made */
  /* By record: its number in the table, from 1; 0: it is not in it. NULL: provenance is left out. */
  uint32_t *record_number;
  uint32_t *record_source; /* by record: the string that it goes back to */
  uint32_t *spec_number;   /* by spec: its number in the graph's table, from 1 */
  GR_VEC(uint32_t) specs;  /* of the graph */
} gr_json;

/* ---- json.c; NULL means no memory ---- */

json_t *gr_json_string(gr_json *w, uint32_t string);
json_t *gr_json_name(gr_json *w, gr_name name);
json_t *gr_json_node_name(gr_json *w, graft_node n);
json_t *gr_json_attrs(gr_json *w, const gr_op_info *info, uint32_t set);
/* Writes and drops the value; a list of as many of them. */
void gr_json_put(gr_json *w, json_t *value);
void gr_json_put_list(gr_json *w, uint32_t count, json_t *(*item)(gr_json *w, uint32_t i));

/* ---- json_notes.c ---- */

bool gr_json_notes_begin(gr_json *w, bool no_provenance); /* false: no memory */
void gr_json_notes_end(gr_json *w);
/* The graph `w->g` begins: numbers its specs, and writes the tables `"specs":[…],"annotated":[…],` where it has some.
 */
void gr_json_put_specs(gr_json *w);
/* What is said of a node: its record and its specs. */
void gr_json_note_node(gr_json *w, json_t *object, graft_node n);
/* `,"records":[…]` where nodes have records. */
void gr_json_put_records(gr_json *w);

#endif

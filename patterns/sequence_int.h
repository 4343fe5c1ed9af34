/* Sequences of modules, for the pass fuse-modules: which ops may become one module, and by which rules. They stand in
 * files of rules (LANGUAGE.md, "Sequences"); rules/fuse/modules.pat has those that ship. */
#ifndef GRAFT_SEQUENCE_INT_H
#define GRAFT_SEQUENCE_INT_H

#include "patterns/patterns_int.h"

#define GR_MAX_PARTS 8

typedef struct gr_sequence_part {
  const gr_opset *ops;
  const char *name; /* of the part in the fused module; "": none */
} gr_sequence_part;

typedef struct gr_sequence {
  gr_sequence_part parts[GR_MAX_PARTS];
  uint32_t count;
  const char *evaluation, *qat; /* rules, separated by commas; "": none */
  bool ships;
  gr_loc where, evaluation_where, qat_where;
} gr_sequence;

/* With the lexer on `sequence`; NULL with a diagnostic. */
gr_sequence *gr_parse_sequence(gr_parser *p);
bool gr_sequence_covers(const gr_sequence *s, const gr_sequence *other); /* it has all ops of the other's parts */

/* Reads those that ship, once. */
graft_status gr_rules_need_sequences(graft_rules *set);
/* A file of the user's; one that declares none is refused. */
graft_status gr_rules_load_sequences(graft_rules *set, const char *path);
/* The sequence of these ops (numbers as nodes have them): of those that fit the one declared last, a user's before one
 * that ships; NULL: there is none. */
const gr_sequence *gr_sequence_find(const graft_rules *set, const graft_module *m, const uint32_t *ops, uint32_t count);

#endif

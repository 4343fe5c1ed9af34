/* The state of compiling a rewrite section for one variant: what program.c, program_line.c, claims.c, implied.c and
 * kept.c share. */
#ifndef GRAFT_PROGRAM_IMPL_H
#define GRAFT_PROGRAM_IMPL_H

#include "patterns/patterns_impl.h"

typedef struct pt_program_builder {
  gr_parser *parser;
  pt_rule *rule;
  gr_pattern *pattern;
  pt_variant *v;
  pt_program *program;
  pt_items items; /* flattened */
  GR_VEC(pt_step) steps;
  GR_VEC(pt_carry) carries;
  GR_VEC(gr_expr *) implied; /* conditions that the rewrite needs */
  uint32_t slot_cap;
  uint16_t *stands_for; /* by slot: the result of an `also` line that it replaces; 0: none */
  bool *made;           /* by slot: a rewrite line makes it */
  bool *maybe_absent;   /* by slot: made under a condition, without else */
  bool *done;           /* by slot of the match: this result of a root is made */
  bool range_done;      /* ..%rest of the root's results */
  uint32_t *step_number;
  uint32_t root_step;
  const gr_expr *condition; /* of the line being compiled */
  bool negate;
} pt_program_builder;

/* The steps of a line, under a condition or its negation (or NULL) (program_line.c). */
bool gr_program_line(pt_program_builder *b, const pt_line *line, const gr_expr *condition, bool negate);
/* A step of the line, numbered, that does nothing yet. */
pt_step gr_program_step(pt_program_builder *b, const pt_line *line, const gr_expr *condition, bool negate);
/* A slot that no name has; -1: no memory, or too many. */
int gr_program_slot(pt_program_builder *b);
/* These report and give false, or -2. */
bool gr_program_error_at(const pt_program_builder *b, gr_loc where, const char *message);
bool gr_program_error_name(const pt_program_builder *b, gr_loc where, int name, const char *message);
int gr_program_place(pt_program_builder *b, int name, gr_loc where, const char *what);
/* Every annotation that a matched node may have is carried, dropped or excluded (claims.c). */
bool gr_program_annotations(pt_program_builder *b);
/* Every operand of a line that goes is named by the rewrite, or dropped (kept.c). */
bool gr_program_kept(pt_program_builder *b);
/* Conditions that const lines imply join those of the match (implied.c). */
bool gr_program_implied(pt_program_builder *b);

#endif

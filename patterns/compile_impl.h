/* The state of compiling one choice of a match section's groups: what compile.c and compile_code.c share. */
#ifndef GRAFT_COMPILE_IMPL_H
#define GRAFT_COMPILE_IMPL_H

#include "patterns/patterns_impl.h"

typedef struct pt_compile_builder {
  gr_parser *parser;
  gr_pattern *pattern;
  pt_variant *variant;
  pt_items items;   /* flattened */
  uint32_t *parent; /* by value name: union-find over aliases */
  bool *absent, *used;
  GR_VEC(pt_vnode) nodes;
  GR_VEC(pt_instr) code;
  GR_VEC(gr_loc) code_where;
  GR_VEC(gr_expr *) wheres;
  GR_VEC(const pt_group *) where_in;
  uint32_t *order; /* nodes in visit order */
  uint32_t visited;
  uint32_t *place;  /* by node: its position in the order; GRAFT_NONE: not visited */
  bool *slot_bound; /* while emitting */
  uint32_t commutes, also;
  GR_VEC(uint32_t) block; /* by node: the number of its `unless`, from 1 on; 0: matched */
  uint32_t blocks;        /* so many; the one being read while nodes are added */
  uint32_t in_block;      /* while nodes are added: their `unless` */
  bool *outer;            /* by slot: a matched line names it */
} pt_compile_builder;

/* All give false with an error said, or where there is no memory. */
bool gr_compile_error(const gr_parser *p, gr_loc where, const char *message);
bool gr_compile_emit(pt_compile_builder *b, pt_code code, uint32_t a, uint32_t slot, uint32_t c, gr_loc where);
/* Operand i of the node at `place` is the slot: bound, or compared where it is bound already. */
bool gr_compile_operand(pt_compile_builder *b, uint32_t place, uint32_t i, uint16_t slot, const pt_arg *a);
/* The structure, from node n to its producers. */
bool gr_compile_visit(pt_compile_builder *b, uint32_t n);
/* All else of the nodes visited from place `from` on. */
bool gr_compile_rest(pt_compile_builder *b, uint32_t from);

#endif

/* Sequences of modules in files of rules:
 *
 *     sequence conv2d|conv3d batch_norm:bn relu
 *       evaluation fold_conv_bn
 *       qat fuse_conv_bn_qat, mine
 */
#include "patterns/sequence_int.h"

#include <stdio.h>
#include <string.h>

#include "patterns/patterns_impl.h"
#include "patterns/rules_impl.h"

static bool begins_part(const gr_lexer *l) {
  return !l->token.line_start &&
         (l->token.kind == GR_T_IDENT || l->token.kind == GR_T_FAMILY || l->token.kind == GR_T_STRING);
}

/* conv2d|@pool|"vendor.op":name */
static bool parse_part(gr_parser *p, gr_sequence *s) {
  gr_lexer *l = &p->lex;
  if (s->count == GR_MAX_PARTS) {
    gr_error(p->context, GRAFT_RULE, gr_lex_loc(l), "a sequence of more than %d parts", GR_MAX_PARTS);
    return false;
  }
  gr_sequence_part part = {.name = ""};
  do {
    gr_loc where = gr_lex_loc(l);
    const gr_opset *one = gr_pt_parse_op(p);
    part.ops = one && part.ops ? gr_pt_opset_join(p, part.ops, one, where) : one;
    if (!part.ops || part.ops->count == 0) return false;
    gr_lex_next(l);
  } while (gr_lex_accept(l, '|'));
  if (gr_lex_accept(l, ':')) {
    const gr_loc where = gr_lex_loc(l);
    part.name = gr_arena_copy(p->arena, l->token.text, l->token.length);
    if (s->count == 0 && l->token.kind == GR_T_IDENT)
      return gr_error(p->context, GRAFT_RULE, where, "the first part has no name: its tensors keep theirs"), false;
    for (uint32_t i = 0; i < s->count && part.name; i++)
      if (s->parts[i].name[0] && strcmp(s->parts[i].name, part.name) == 0)
        return gr_error(p->context, GRAFT_RULE, where, "two parts are called %s", part.name), false;
    if (!part.name || !gr_lex_expect(l, GR_T_IDENT, "a name for the part")) return false;
  }
  s->parts[s->count++] = part;
  return true;
}

/* Names of rules, as the pass `rewrite` takes them. */
static bool parse_names(gr_parser *p, const char **out) {
  gr_lexer *l = &p->lex;
  const char *all = *out;
  do {
    const size_t have = strlen(all), length = l->token.length;
    char *more = l->token.kind == GR_T_IDENT ? gr_arena_alloc(p->arena, have + length + 2) : NULL;
    if (!more) return gr_lex_expect(l, GR_T_IDENT, "the name of a rule"), false;
    (void)snprintf(more, have + length + 2, "%s%s%.*s", all, have ? "," : "", (int)length, l->token.text);
    all = more;
    gr_lex_next(l);
  } while (gr_lex_accept(l, ','));
  *out = all;
  return true;
}

gr_sequence *gr_parse_sequence(gr_parser *p) {
  gr_lexer *l = &p->lex;
  gr_sequence *s = gr_arena_alloc(p->arena, sizeof *s);
  if (!s) return NULL;
  *s = (gr_sequence){.where = gr_lex_loc(l), .evaluation = "", .qat = ""};
  gr_lex_next(l);
  while (begins_part(l))
    if (!parse_part(p, s)) return NULL;
  if (s->count < 2 || !l->token.line_start) {
    if (l->token.kind != GR_T_END || s->count < 2)
      return gr_lex_unexpected(l, s->count < 2 ? "two ops or more, \"op\" or @family"
                                               : "an op, or `evaluation` or `qat` in a line of its own"),
             NULL;
  }
  for (;;) {
    const bool qat = gr_lex_is(l, "qat");
    if (!qat && !gr_lex_is(l, "evaluation")) return s;
    if ((qat ? s->qat : s->evaluation)[0]) {
      gr_error(p->context, GRAFT_RULE, gr_lex_loc(l), "a second `%s`: rules of one form are separated by commas",
               qat ? "qat" : "evaluation");
      return NULL;
    }
    gr_lex_next(l);
    *(qat ? &s->qat_where : &s->evaluation_where) = gr_lex_loc(l);
    if (!parse_names(p, qat ? &s->qat : &s->evaluation)) return NULL;
  }
}

bool gr_sequence_covers(const gr_sequence *s, const gr_sequence *other) {
  bool all = s->count == other->count;
  for (uint32_t i = 0; i < s->count && all; i++) all = gr_pt_opset_covers(s->parts[i].ops, other->parts[i].ops);
  return all;
}

static bool fits(const gr_sequence *s, const graft_module *m, const uint32_t *ops, uint32_t count) {
  if (s->count != count) return false;
  for (uint32_t i = 0; i < count; i++)
    if (gr_pt_opset_find(s->parts[i].ops, m, ops[i]) < 0) return false;
  return true;
}

const gr_sequence *gr_sequence_find(const graft_rules *set, const graft_module *m, const uint32_t *ops,
                                    uint32_t count) {
  for (int ships = 0; ships < 2; ships++)
    for (uint32_t i = set->sequences.len; i-- > 0;) {
      const gr_sequence *s = set->sequences.data[i];
      if (s->ships == (ships == 1) && fits(s, m, ops, count)) return s;
    }
  return set->base ? gr_sequence_find(set->base, m, ops, count) : NULL;
}

graft_status gr_rules_need_sequences(graft_rules *set) {
  static const char folder[] = "fuse/";
  if (set->base) return gr_rules_need_sequences(set->base);
  graft_status status = GRAFT_OK;
  const uint32_t before = set->sequences.len;
  if (set->sequences_read || set->shipped.len == 0) return GRAFT_OK;
  for (const gr_builtin *f = gr_builtin_rules; f->name && !status; f++)
    if (strncmp(f->name, folder, sizeof folder - 1) == 0)
      status = graft_rules_add(set, f->text, strlen(f->text), f->name);
  for (uint32_t i = before; i < set->sequences.len; i++) set->sequences.data[i]->ships = true;
  set->sequences_read = !status;
  return status;
}

graft_status gr_rules_load_sequences(graft_rules *set, const char *path) {
  const uint32_t before = set->sequences.len;
  const graft_status status = graft_rules_load(set, path);
  if (status || set->sequences.len > before) return status;
  return gr_error(set->context, GRAFT_RULE, (gr_loc){.file = path}, "the file declares no sequence");
}

/* The text form (GIR.md), read in one go: each statement goes into the module as soon as it is complete. */
#include <string.h>

#include "ir/formats/text/parse_impl.h"
#include "ir/graph/context_impl.h"

/* Gives a name to a value of the graph. */
static bool define(parser *p, const gr_token *t, gr_name name, graft_value v) {
  uint32_t what = gr_scope_get(&p->scope, name);
  if (what != GRAFT_NONE && what != SCOPE_LOST)
    return gr_parse_fail(p, GRAFT_NAME, t, "%%%.*s is defined already", (int)t->length, t->text);
  return gr_scope_put(p->context, &p->scope, name, v);
}

static bool at_end_of_line(const parser *p) {
  const gr_token *t = &p->lex.token;
  return t->kind != GR_T_ERROR && (t->line_start || t->kind == GR_T_END || t->kind == '}');
}

static bool end_of_line(parser *p) {
  static const char *const words[] = {"from", "mark"};
  if (at_end_of_line(p)) return true;
  const gr_token *t = &p->lex.token;
  gr_closest near = gr_closest_begin(t->text, t->kind == GR_T_IDENT ? t->length : 0);
  char found[80];
  return gr_parse_fail(p, GRAFT_SYNTAX, t, "expected the end of the line, found %s%s",
                       gr_token_describe(t, found, sizeof found), gr_closest_of(&near, "", words, 2));
}

/* ---- nodes ---- */

/* A %name or a scalar; GRAFT_NONE: an error was reported. `*comma`: one followed and was taken. */
static graft_value parse_value(parser *p, bool *comma) {
  gr_token t = p->lex.token;
  graft_value v = GRAFT_NONE;
  *comma = false;
  if (t.kind == GR_T_VALUE) {
    *comma = gr_lex_next_past(&p->lex, ',');
    return gr_parse_lookup(p, &t);
  }
  if (t.kind == GR_T_IDENT && !gr_lex_is(&p->lex, "true") && !gr_lex_is(&p->lex, "false")) {
    gr_parse_fail(p, GRAFT_SYNTAX, &t, "a value's name begins with %%: %%%.*s", (int)t.length, t.text);
    return GRAFT_NONE;
  }
  bool scalar = t.kind == GR_T_INT || t.kind == GR_T_FLOAT || t.kind == GR_T_IDENT;
  if (!scalar) gr_lex_unexpected(&p->lex, "%value, a number or _");
  return scalar && gr_parse_literal(p, &v) ? v : GRAFT_NONE;
}

/* Operand i will be use `first_use` + i. */
static bool parse_operands(parser *p) {
  gr_lexer *l = &p->lex;
  uint32_t first_use = p->graph->uses.len;
  p->operands.len = 0;
  if (!gr_lex_expect(l, '(', "'(' and the operands")) return false;
  while (l->token.kind != ')') {
    graft_value v = GRAFT_NONE;
    bool absent = gr_lex_accept(l, '_'), comma = false;
    if (!absent && (v = parse_value(p, &comma)) == GRAFT_NONE && !(p->operand_lost && l->token.kind != GR_T_ERROR))
      return false;
    if (absent && l->token.kind == '~') return gr_parse_fail(p, GRAFT_SYNTAX, &l->token, "a spec on an absent operand");
    if (!comma && !gr_parse_place(p, false, first_use + p->operands.len)) return false;
    if (!gr_vec_push(p->context, &p->operands, v)) return false;
    if (!comma && !gr_lex_accept(l, ',')) break;
  }
  return gr_parse_close(p, ')');
}

/* `%a, _, %b =`; nothing for a node without results. */
static bool parse_results(parser *p) {
  gr_lexer *l = &p->lex;
  if (l->token.kind != GR_T_VALUE && l->token.kind != '_') return true;
  do {
    gr_token t = l->token;
    gr_name name = {0, 0};
    if (!gr_lex_accept(l, '_') &&
        (!gr_lex_expect(l, GR_T_VALUE, "a result's %name or _") || !gr_parse_name(p, &t, &name)))
      return false;
    if (!gr_vec_push(p->context, &p->names, name) || !gr_vec_push(p->context, &p->name_tokens, t)) return false;
  } while (gr_lex_accept(l, ','));
  return gr_parse_close(p, '=');
}

/* A name without its %, a word that begins a statement, or an op that there is not. */
static bool no_op(parser *p, const gr_token *t) {
  static const char *const statements[] = {"return", "update", "spec", "value", "graph", "tensor", "record"};
  int next = p->lex.token.kind;
  if (next == '=' || next == ',')
    return gr_parse_fail(p, GRAFT_SYNTAX, t, "a value's name begins with %%: %%%.*s", (int)t->length, t->text);
  gr_closest near = gr_closest_begin(t->text, t->length);
  for (uint32_t op = 0; op < GR_OP_COUNT && next == '('; op++)
    gr_closest_offer(&near, gr_op_get(op)->name, strlen(gr_op_get(op)->name));
  if (next != '(') gr_closest_of(&near, "", statements, sizeof statements / sizeof *statements);
  return gr_parse_fail(p, GRAFT_NAME, t, "no op is called '%.*s' (a foreign one stands in quotes)%s", (int)t->length,
                       t->text, gr_closest_hint(&near, ""));
}

static bool find_op(parser *p, const gr_token *t, uint32_t *op) {
  memo *m = &p->ops[(t->length * 31u + (unsigned char)t->text[0] * 7u + (unsigned char)t->text[t->length - 1] * 3u +
                     (unsigned char)t->text[t->length / 2]) %
                    MEMO_SIZE];
  if (m->length == t->length && m->op == (uint32_t)t->kind && memcmp(m->text, t->text, t->length) == 0) {
    *op = m->id;
    return true;
  }
  *op = gr_op_find(t->text, t->length);
  if (*op == GR_OP_COUNT) {
    if (gr_spec_kind_find(t->text, t->length) < GR_SPEC_KIND_COUNT)
      return gr_parse_fail(p, GRAFT_NAME, t, "'%.*s' is a kind of spec, not an op", (int)t->length, t->text);
    if (t->kind == GR_T_IDENT) return no_op(p, t);
    uint32_t name = gr_intern(p->module, t->text, t->length);
    if (name == GRAFT_NONE) return false;
    *op += name;
  }
  *m = (memo){t->text, t->length, (uint32_t)t->kind, *op};
  return true;
}

static bool parse_op(parser *p, gr_token *t, uint32_t *op) {
  *t = p->lex.token;
  if (t->kind == GR_T_STRING) {
    if (t->length == 0 || !gr_parse_string(p, t)) return gr_parse_fail(p, GRAFT_SYNTAX, t, "an op needs a name");
  } else if (t->kind != GR_T_IDENT) {
    return gr_lex_unexpected(&p->lex, "an op's name"), false;
  }
  gr_lex_next(&p->lex);
  return find_op(p, t, op);
}

/* One written type a result, GRAFT_NONE for an absent one; false with `*written` when there is an error. */
static bool parse_result_types(parser *p, uint32_t first_value, bool *written, gr_token *first) {
  gr_lexer *l = &p->lex;
  p->result_types.len = 0;
  *written = gr_lex_accept(l, ':');
  *first = l->token;
  if (!*written) return true;
  bool many = gr_lex_accept(l, '(');
  do {
    if (many && l->token.kind == ')') break;
    uint32_t type = GRAFT_NONE;
    bool absent = many && gr_lex_accept(l, '_');
    if (!absent && (!gr_parse_type(p, &type) || !gr_parse_place(p, true, first_value + p->result_types.len)))
      return false;
    if (!gr_vec_push(p->context, &p->result_types, type)) return false;
  } while (many && gr_lex_accept(l, ','));
  return !many || gr_parse_close(p, ')');
}

/* What is written must agree with what was inferred, and may say more where inference does not know. */
static bool settle_type(parser *p, graft_value v, uint32_t stated, const gr_token *at) {
  gr_value *value = gr_value_at(p->graph, v);
  if (value->type == stated) return true;
  char inferred_text[GR_TYPE_SIZE], stated_text[GR_TYPE_SIZE];
  const graft_type *types = p->module->types.data;
  if (!gr_type_compatible(&types[value->type], &types[stated])) {
    gr_type_format(&types[value->type], inferred_text, sizeof inferred_text);
    gr_type_format(&types[stated], stated_text, sizeof stated_text);
    return gr_parse_fail(p, GRAFT_TYPE, at, "the type is %s, not %s", inferred_text, stated_text);
  }
  value->type = stated;
  return true;
}

static bool settle_results(parser *p, graft_node n, const gr_token *type_token) {
  uint32_t first = gr_node_at(p->graph, n)->first_result;
  for (uint32_t i = 0; i < p->names.len; i++) {
    if (!p->names.data[i].base) continue;
    if (p->result_types.len && !settle_type(p, first + i, p->result_types.data[i], type_token)) return false;
    if (!define(p, &p->name_tokens.data[i], p->names.data[i], first + i)) return false;
  }
  return true;
}

/* Absent results as the bits of gr_node_desc. */
static bool absent_results(parser *p, const gr_op_info *info, uint32_t *bits) {
  *bits = 0;
  for (uint32_t i = 0; i < p->names.len; i++) {
    if (p->names.data[i].base) continue;
    bool optional = !info || (i < info->result_count && info->results[i].optional);
    if (i >= 32 || !optional)
      return gr_parse_fail(p, GRAFT_TYPE, &p->name_tokens.data[i], "this result cannot be absent");
    *bits |= UINT32_C(1) << i;
  }
  return true;
}

static bool check_type_count(parser *p, const gr_token *type_token) {
  if (p->result_types.len != p->names.len)
    return gr_parse_fail(p, GRAFT_TYPE, type_token, "%u results, but %u types", p->names.len, p->result_types.len);
  for (uint32_t i = 0; i < p->names.len; i++)
    if ((p->names.data[i].base == 0) != (p->result_types.data[i] == GRAFT_NONE))
      return gr_parse_fail(p, GRAFT_TYPE, type_token, "an absent result has the type _, and no other");
  return true;
}

static bool unknown_types(parser *p) {
  graft_type unknown = {.dtype = GRAFT_UNKNOWN, .rank = -1};
  uint32_t type = gr_type_intern(p->module, &unknown);
  if (type == GRAFT_NONE) return false;
  for (uint32_t i = 0; i < p->names.len; i++) {
    uint32_t t = p->names.data[i].base ? type : GRAFT_NONE;
    if (!gr_vec_push(p->context, &p->result_types, t)) return false;
  }
  return true;
}

static bool parse_node(parser *p) {
  gr_lexer *l = &p->lex;
  gr_token op_token;
  uint32_t op = 0, attrs = 0, provenance = 0, marks = 0, absent = 0;
  bool written = false;
  if (!parse_results(p) || !parse_op(p, &op_token, &op)) return false;
  const gr_op_info *info = gr_op_get(op);
  if (!parse_operands(p) || !gr_parse_attrs(p, info, op, &op_token, &attrs)) return false;
  gr_token type_token;
  if (!parse_result_types(p, p->graph->values.len, &written, &type_token) || !gr_parse_from(p, &provenance) ||
      !gr_lex_marks(l, &marks))
    return false;
  if (!end_of_line(p) || !absent_results(p, info, &absent)) return false;
  if (written && !check_type_count(p, &type_token)) return false;
  if (p->operand_lost) return false;
  if (!info && !written && !unknown_types(p)) return false;
  gr_node_desc d = {.op = op,
                    .attrs = attrs,
                    .operands = p->operands.data,
                    .operand_count = p->operands.len,
                    .result_count = p->names.len,
                    .absent_results = absent,
                    .names = p->names.data,
                    .provenance = provenance,
                    .marks = marks,
                    .before = GRAFT_NONE,
                    .types = info ? NULL : p->result_types.data,
                    .where = gr_token_loc(l, &op_token)};
  graft_node n = gr_node_add(p->graph, &d);
  return n != GRAFT_NONE && settle_results(p, n, &type_token);
}

/* ---- the rest of a graph ---- */

static bool parse_inputs(parser *p) {
  gr_lexer *l = &p->lex;
  graft_graph *g = p->graph;
  if (!gr_lex_expect(l, '(', "'(' and the inputs")) return false;
  while (l->token.kind != ')') {
    gr_token t = l->token;
    gr_name name = {0, 0};
    uint32_t type = 0;
    if (!gr_lex_expect(l, GR_T_VALUE, "an input's %name") || !gr_parse_name(p, &t, &name)) return false;
    if (!gr_lex_expect(l, ':', "':' and the input's type") || !gr_parse_type(p, &type)) return false;
    graft_type full = p->module->types.data[type];
    graft_value v = gr_input_add(g, name, &full);
    if (v == GRAFT_NONE) return false;
    if (!define(p, &t, name, v) || !gr_parse_place(p, true, v)) return false;
    if (!gr_lex_accept(l, ',')) break;
  }
  return gr_parse_close(p, ')');
}

/* return %r as "y", %s */
static bool parse_return(parser *p) {
  gr_lexer *l = &p->lex;
  if (at_end_of_line(p)) return true;
  bool comma = false;
  do {
    gr_token t = l->token, name = t;
    graft_value v = parse_value(p, &comma);
    if (v == GRAFT_NONE) return false;
    if (!comma && gr_lex_accept_word(l, "as")) {
      name = l->token;
      if (!gr_lex_expect(l, GR_T_STRING, "the output's name in quotes")) return false;
    } else if (t.kind != GR_T_VALUE) {
      return gr_parse_fail(p, GRAFT_SYNTAX, &t, "a scalar that is returned needs a name: as \"name\"");
    }
    const char *text = gr_parse_string(p, &name);
    if (!text || graft_output_add(p->graph, text, v) != GRAFT_OK) return false;
  } while (comma || gr_lex_accept(l, ','));
  return end_of_line(p);
}

/* update %tensor = %value */
static bool parse_update(parser *p) {
  gr_lexer *l = &p->lex;
  gr_token t = l->token;
  if (!gr_lex_expect(l, GR_T_VALUE, "the tensor's %name")) return false;
  graft_value handle = gr_parse_lookup(p, &t);
  if (handle == GRAFT_NONE) return false;
  graft_tensor tensor = gr_value_tensor(p->graph, handle);
  if (tensor == GRAFT_NONE) return gr_parse_fail(p, GRAFT_NAME, &t, "%%%.*s is no tensor", (int)t.length, t.text);
  if (!gr_lex_expect(l, '=', NULL)) return false;
  bool comma = false;
  graft_value v = parse_value(p, &comma);
  if (v == GRAFT_NONE) return false;
  if (comma) return gr_parse_fail(p, GRAFT_SYNTAX, &t, "an update is of one tensor with one value");
  return graft_update_add(p->graph, tensor, v) == GRAFT_OK && end_of_line(p);
}

/* value %tensor ~3: the spec of a tensor's handle, which has no definition in the graph to stand on */
static bool parse_value_spec(parser *p) {
  gr_token t = p->lex.token;
  if (!gr_lex_expect(&p->lex, GR_T_VALUE, NULL)) return false;
  graft_value v = gr_parse_lookup(p, &t);
  if (v == GRAFT_NONE) return false;
  if (p->lex.token.kind != '~') return gr_lex_unexpected(&p->lex, "~ and a spec's number"), false;
  return gr_parse_place(p, true, v) && end_of_line(p);
}

static bool parse_statement(parser *p, bool *returned) {
  gr_lexer *l = &p->lex;
  gr_token t = l->token;
  p->names.len = p->name_tokens.len = 0;
  p->operand_lost = false;
  if (t.kind == GR_T_VALUE && !*returned) return parse_node(p);
  if (gr_lex_accept_word(l, "update")) return parse_update(p);
  if (gr_lex_accept_word(l, "return")) {
    if (*returned) return gr_parse_fail(p, GRAFT_SYNTAX, &t, "the graph returns already");
    *returned = true;
    return parse_return(p);
  }
  if (gr_lex_accept_word(l, "spec")) return gr_parse_spec(p) && end_of_line(p);
  if (gr_lex_accept_word(l, "value")) return parse_value_spec(p);
  if (*returned) return gr_lex_unexpected(l, "update or }"), false;
  return parse_node(p);
}

/* A node with an error: its results exist, what they are is not known. */
static bool lose_results(parser *p) {
  for (uint32_t i = 0; i < p->names.len; i++)
    if (p->names.data[i].base && !gr_parse_lose(p, p->names.data[i])) return false;
  return true;
}

/* The graph is over though no } says so; the token stays. */
static bool unclosed(parser *p) {
  const gr_token t = p->lex.token;
  bool next = gr_lex_is(&p->lex, "graph") || gr_lex_is(&p->lex, "tensor") || gr_lex_is(&p->lex, "record");
  if (t.kind != GR_T_END && !(next && t.line_start)) return false;
  gr_parse_fail(p, GRAFT_SYNTAX, &t, "a } is missing before this: the graph '%s' has no end",
                gr_string_text(p->module, p->graph->name));
  p->lex.token = t;
  p->errors++;
  return true;
}

static bool parse_body(parser *p) {
  gr_lexer *l = &p->lex;
  bool returned = false;
  while (l->token.kind != '}') {
    p->statement = l->token;
    if (unclosed(p)) return true;
    if (parse_statement(p, &returned)) continue;
    p->graph_failed = true;
    if (!lose_results(p) || !gr_parse_recover(p, true)) return false;
  }
  const gr_token end = l->token;
  bool ok = p->graph_failed || gr_parse_specs_resolve(p);
  if (ok && !returned && !p->graph_failed) ok = gr_parse_fail(p, GRAFT_SYNTAX, &end, "the graph has no return");
  p->errors += !ok;
  l->token = end;
  return gr_lex_expect(l, '}', NULL);
}

/* Names of a graph end with it. */
static bool leave_scope(parser *p) {
  const graft_graph *g = p->graph;
  for (graft_value v = 0; v < g->values.len; v++) {
    const gr_value *value = gr_value_at(g, v);
    if (value->def_kind != GR_DEF_TENSOR && value->name.base && !gr_scope_remove(p->context, &p->scope, value->name))
      return false;
  }
  return true;
}

static bool parse_graph(parser *p) {
  gr_lexer *l = &p->lex;
  gr_token t = l->token;
  if (t.kind == GR_T_FAMILY || t.kind == GR_T_VALUE) { /* `graph @main`: read as if it were right */
    gr_parse_fail(p, GRAFT_SYNTAX, &t, "a graph's name has no %c where it is made: graph %.*s(…)",
                  t.kind == GR_T_FAMILY ? '@' : '%', (int)t.length, t.text);
    l->token = t;
    p->errors++;
    gr_lex_next(l);
  } else {
    if (t.kind != GR_T_STRING && !gr_lex_expect(l, GR_T_IDENT, "the graph's name")) return false;
    if (t.kind == GR_T_STRING) gr_lex_next(l);
  }
  if (p->graphs_read == p->scanned.len) /* the scan for graphs saw another start of line than the lexer */
    return gr_parse_fail(p, GRAFT_SYNTAX, &t, "a graph begins a line");
  p->graph = p->scanned.data[p->graphs_read++].graph;
  p->next_tensor = 0;
  const char *name = gr_string_text(p->module, p->graph->name);
  if (strlen(name) != t.length || memcmp(name, t.text, t.length) != 0)
    return gr_parse_fail(p, GRAFT_SYNTAX, &t, "a graph begins a line, with its name on it");
  p->graph_failed = p->names_lost = false;
  if (!parse_inputs(p) || !gr_lex_expect(l, '{', NULL)) {
    p->graph_failed = p->names_lost = true;
    if (!gr_parse_recover(p, true)) return false;
  }
  bool ok = parse_body(p) && leave_scope(p);
  p->names_lost = false;
  gr_parse_specs_forget(p);
  return ok;
}

/* ---- the module ---- */

static bool make_graph(parser *p, scanned_graph *scanned) {
  const char *name = gr_parse_string(p, &scanned->name);
  if (!name) return false;
  const uint32_t index = p->module->graphs.len, string = gr_intern(p->module, name, strlen(name));
  if (string != GRAFT_NONE && gr_map_get(&p->graph_names, string) != GRAFT_NONE)
    return gr_parse_fail(p, GRAFT_NAME, &scanned->name, "another graph is called '%s'", name);
  graft_graph *g = string == GRAFT_NONE ? NULL : graft_graph_create(p->module, name);
  scanned->graph = g;
  return g && gr_map_put(p->context, &p->graph_names, string, index);
}

/* Room for what the lines of a text begin with, two operands a node. A line has 16 bytes at least, or so it is assumed,
 * lest a text of nothing but line ends asks for much memory. */
static bool make_graphs(parser *p, uint32_t tensors) {
  uint32_t most = (uint32_t)((p->lex.end - p->lex.p) / 16);
  if (tensors > most) tensors = most;
  for (uint32_t i = 0; i < p->scanned.len; i++) {
    scanned_graph *s = &p->scanned.data[p->order ? p->order[i] : i];
    uint32_t nodes = s->nodes < most ? s->nodes : most;
    if (!make_graph(p, s) || !gr_vec_reserve(p->context, &s->graph->nodes, nodes) ||
        !gr_vec_reserve(p->context, &s->graph->uses, 2u * nodes) ||
        !gr_vec_reserve(p->context, &s->graph->values, nodes + (tensors < 2u * nodes ? tensors : 2u * nodes)))
      return false;
  }
  return gr_intern_reserve(p->module, tensors) && gr_vec_reserve(p->context, &p->module->tensors, tensors);
}

/* Attributes may name graphs that come later, so all are made first, from the lines that begin with `graph`. */
static bool scan_lines(parser *p) {
  gr_lexer l = p->lex;
  const char *at = l.line_start;
  uint32_t tensors = 0;
  for (; at < l.end; l.line++) {
    l.line_start = at;
    tensors += *at == 't';
    while (at < l.end && (*at == ' ' || *at == '\t')) at++;
    if (*at == '%' && p->scanned.len) p->scanned.data[p->scanned.len - 1].nodes++;
    if (*at == 'g' && l.end - at > 6 && memcmp(at, "graph", 5) == 0 && (at[5] == ' ' || at[5] == '\t')) {
      gr_lexer name = l;
      name.p = at + 5;
      gr_lex_next(&name);
      int kind = name.token.kind;
      if (kind == GR_T_ERROR) return false;
      bool named = kind == GR_T_IDENT || kind == GR_T_STRING || kind == GR_T_FAMILY || kind == GR_T_VALUE;
      if (named && !gr_vec_push(p->context, &p->scanned, ((scanned_graph){.name = name.token}))) return false;
    }
    const char *newline = memchr(at, '\n', (size_t)(l.end - at));
    at = newline ? newline + 1 : l.end;
  }
  return make_graphs(p, tensors);
}

/* Scalars were named as they came; now that every name of the text is known they get free ones. */
static bool name_literals(parser *p) {
  graft_module *m = p->module;
  for (uint32_t i = 0; i < p->literals.len; i++) {
    uint32_t base = gr_intern(m, "scalar", 6);
    gr_name name = base == GRAFT_NONE ? (gr_name){GRAFT_NONE, 0} : gr_name_next(m, base);
    if (name.base == GRAFT_NONE) return false;
    m->tensors.data[p->literals.data[i]].name = name;
  }
  return true;
}

static bool parse_part(parser *p) {
  static const char *const parts[] = {"tensor", "record", "graph"};
  gr_lexer *l = &p->lex;
  if (!end_of_line(p)) return false;
  if (gr_lex_accept_word(l, "tensor")) return gr_parse_tensor(p);
  if (gr_lex_accept_word(l, "record")) return gr_parse_record(p);
  if (gr_lex_accept_word(l, "graph")) return parse_graph(p);
  return gr_lex_no_word(l, "a part of a module", parts, 3);
}

static bool parse_module(parser *p) {
  gr_lexer *l = &p->lex;
  int64_t version = 0;
  if (!gr_lex_accept_word(l, "graft")) return gr_lex_unexpected(l, "'graft 1' at the beginning"), false;
  if (!gr_lex_int(l, 1, 1, "the version", &version) || !scan_lines(p)) return false;
  while (l->token.kind != GR_T_END) {
    p->statement = l->token;
    if (!parse_part(p) && !gr_parse_recover(p, false)) return false;
  }
  if (p->errors) return false;
  if (p->graphs_read < p->scanned.len)
    return gr_parse_fail(p, GRAFT_SYNTAX, &l->token, "a line begins with 'graph', but is no graph");
  if (p->module->graphs.len == 0) return gr_parse_fail(p, GRAFT_SYNTAX, &l->token, "the text has no graph");
  return name_literals(p);
}

static void parser_free(parser *p) {
  graft_context *c = p->context;
  gr_vec_free(c, &p->operands);
  gr_vec_free(c, &p->names);
  gr_vec_free(c, &p->name_tokens);
  gr_vec_free(c, &p->result_types);
  gr_vec_free(c, &p->ints);
  gr_vec_free(c, &p->floats);
  gr_vec_free(c, &p->specs);
  gr_vec_free(c, &p->spec_refs);
  gr_vec_free(c, &p->places);
  gr_vec_free(c, &p->resolved);
  gr_vec_free(c, &p->records);
  gr_vec_free(c, &p->parents);
  gr_vec_free(c, &p->literals);
  gr_vec_free(c, &p->companions);
  for (uint32_t i = 0; i < p->companion_tensors.len; i++) gr_buffer_release(c, p->companion_tensors.data[i].buffer);
  gr_vec_free(c, &p->companion_tensors);
  gr_vec_free(c, &p->scanned);
  gr_vec_free(c, &p->graph_uses);
  gr_map_free(c, &p->companion_names);
  gr_map_free(c, &p->graph_names);
  gr_scope_free(c, &p->scope);
  gr_arena_free(&p->scratch);
  gr_free(c, p, sizeof *p);
}

/* `order`: see parser. `*other`: another order is needed, in which the text is to be read again. */
static graft_module *parse(graft_context *c, const char *text, size_t size, const char *name, gr_beside *beside,
                           const uint32_t *order, uint32_t **other, uint32_t *count) {
  parser *p = gr_calloc(c, 1, sizeof *p);
  if (!p) return NULL;
  p->context = c;
  p->beside = beside;
  p->order = order;
  gr_arena_init(&p->scratch, c);
  graft_module *m = p->module = graft_module_create(c);
  bool ok = m && (m->file = gr_intern(m, name, strlen(name))) != GRAFT_NONE;
  if (ok) {
    gr_lex_begin(&p->lex, c, &p->scratch, name, text, size);
    ok = parse_module(p);
  }
  *count = p->scanned.len;
  *other = ok && p->backward && !order ? gr_parse_order(p) : NULL;
  ok = ok && !c->out_of_memory;
  parser_free(p);
  if (ok && !*other) return m;
  graft_module_destroy(m);
  return NULL;
}

graft_module *gr_text_parse(graft_context *c, const char *text, size_t size, const char *name, gr_beside *beside) {
  uint32_t *order = NULL, *none = NULL, count = 0;
  graft_module *m = parse(c, text, size, name, beside, NULL, &order, &count);
  if (!order) return m;
  m = parse(c, text, size, name, beside, order, &none, &count);
  gr_free(c, order, count * sizeof *order);
  return m;
}

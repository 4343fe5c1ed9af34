/* What is said about nodes and values: quantization specs, provenance. */
#include <string.h>

#include "ir/formats/text/parse_impl.h"

/* ---- provenance ---- */

static bool parse_text(parser *p, uint32_t *string) {
  gr_token t = p->lex.token;
  if (!gr_lex_expect(&p->lex, GR_T_STRING, NULL) || !gr_parse_string(p, &t)) return false;
  *string = gr_intern(p->module, t.text, t.length);
  return *string != GRAFT_NONE;
}

static bool parse_record_number(parser *p, uint32_t *record) {
  gr_token t = p->lex.token;
  int64_t n = 0;
  if (!gr_lex_int(&p->lex, 1, UINT32_MAX, "a record's number", &n)) return false;
  bool known = n <= p->records.len;
  *record = known ? p->records.data[n - 1] : 0;
  return known || p->errors || gr_parse_fail(p, GRAFT_NAME, &t, "no record has this number yet");
}

/* The numbers of records and specs count up; after an error in the text they may be any. */
static bool parse_next_number(parser *p, uint32_t count, const char *what) {
  int64_t n = 0, next = (int64_t)count + 1;
  return gr_lex_int(&p->lex, p->errors ? 1 : next, p->errors ? UINT32_MAX : next, what, &n) &&
         gr_lex_expect(&p->lex, '=', NULL);
}

/* record 3 = "source" pass "fuse" rule "r" from 1, 2 equals "conv": each part may be missing */
bool gr_parse_record(parser *p) {
  gr_lexer *l = &p->lex;
  if (!parse_next_number(p, p->records.len, "the record's number, counted from 1,")) return false;
  gr_record r = {0};
  p->parents.len = 0;
  if (l->token.kind == GR_T_STRING && !parse_text(p, &r.source)) return false;
  if (gr_lex_accept_word(l, "pass") && !parse_text(p, &r.pass)) return false;
  if (gr_lex_accept_word(l, "rule") && !parse_text(p, &r.rule)) return false;
  if (gr_lex_accept_word(l, "from")) {
    do {
      uint32_t parent = 0;
      if (!parse_record_number(p, &parent) || !gr_vec_push(p->context, &p->parents, parent)) return false;
    } while (gr_lex_accept(l, ','));
  }
  if (gr_lex_accept_word(l, "equals") && !parse_text(p, &r.equals)) return false;
  r.parent_count = p->parents.len;
  uint32_t id = gr_record_intern(p->module, &r, p->parents.data);
  return id != GRAFT_NONE && gr_vec_push(p->context, &p->records, id);
}

bool gr_parse_from(parser *p, uint32_t *record) {
  *record = 0;
  if (!gr_lex_accept_word(&p->lex, "from")) return true;
  if (p->lex.token.kind != GR_T_STRING) return parse_record_number(p, record);
  gr_record r = {0};
  if (!parse_text(p, &r.source)) return false;
  *record = gr_record_intern(p->module, &r, NULL);
  return *record != GRAFT_NONE;
}

/* ---- specs ---- */

static bool parse_ref(parser *p) {
  gr_lexer *l = &p->lex;
  spec_ref r = {.token = l->token, .slot = -1};
  if (!gr_lex_accept(l, '_')) {
    if (!gr_lex_expect(l, GR_T_VALUE, "%value, or an edge as %node[slot]")) return false;
    if (gr_lex_accept(l, '[') &&
        (!gr_lex_int(l, 0, UINT32_MAX - 1, "an operand's slot", &r.slot) || !gr_lex_expect(l, ']', NULL)))
      return false;
  }
  return gr_vec_push(p->context, &p->spec_refs, r);
}

/* spec 3 = derived(%conv[0], %conv[1]) {function: "product", dtype: i32} */
bool gr_parse_spec(parser *p) {
  gr_lexer *l = &p->lex;
  if (!parse_next_number(p, p->specs.len, "the spec's number, counted from 1 in each graph,")) return false;
  gr_token kind = l->token;
  spec_line s = {.first_ref = p->spec_refs.len};
  s.kind = kind.kind == GR_T_IDENT ? gr_spec_kind_find(kind.text, kind.length) : GR_SPEC_KIND_COUNT;
  if (s.kind == GR_SPEC_KIND_COUNT) {
    const char *words[GR_SPEC_KIND_COUNT];
    for (uint32_t i = 0; i < GR_SPEC_KIND_COUNT; i++) words[i] = gr_spec_info(i)->name;
    return gr_lex_no_word(l, "a kind of spec", words, GR_SPEC_KIND_COUNT);
  }
  gr_lex_next(l);
  if (gr_lex_accept(l, '(')) {
    while (l->token.kind != ')') {
      if (!parse_ref(p)) return false;
      if (!gr_lex_accept(l, ',')) break;
    }
    if (!gr_parse_close(p, ')')) return false;
  }
  s.ref_count = p->spec_refs.len - s.first_ref;
  return gr_parse_attrs(p, gr_spec_info(s.kind), GRAFT_NONE - s.kind, &kind, &s.attrs) &&
         gr_vec_push(p->context, &p->specs, s);
}

bool gr_parse_place(parser *p, bool is_value, uint32_t id) {
  gr_lexer *l = &p->lex;
  if (l->token.kind != '~') return true;
  spec_place place = {.id = id, .is_value = is_value, .token = l->token};
  gr_lex_next(l);
  int64_t n = 0;
  if (!gr_lex_int(l, 1, UINT32_MAX - 1, "a spec's number", &n)) return false;
  place.number = (uint32_t)n;
  return gr_vec_push(p->context, &p->places, place);
}

static bool resolve_ref(parser *p, const spec_ref *r, gr_spec_ref *out) {
  graft_graph *g = p->graph;
  *out = (gr_spec_ref){.is_value = r->slot < 0, .id = GRAFT_NONE};
  if (r->token.kind == '_') return true;
  graft_value v = gr_parse_lookup(p, &r->token);
  if (v == GRAFT_NONE) return false;
  if (r->slot < 0) {
    out->id = v;
    return true;
  }
  graft_node n = gr_value_node(g, v);
  if (n == GRAFT_NONE)
    return gr_parse_fail(p, GRAFT_NAME, &r->token, "an edge is named by its node, this is an input or a tensor");
  if (gr_operand(g, n, (uint32_t)r->slot) == GRAFT_NONE)
    return gr_parse_fail(p, GRAFT_NAME, &r->token, "the node has no such operand");
  out->id = gr_node_at(g, n)->first_use + (uint32_t)r->slot;
  return true;
}

static bool intern_spec(parser *p, spec_line *s) {
  p->resolved.len = 0;
  for (uint32_t i = 0; i < s->ref_count; i++) {
    gr_spec_ref ref;
    if (!resolve_ref(p, &p->spec_refs.data[s->first_ref + i], &ref) || !gr_vec_push(p->context, &p->resolved, ref))
      return false;
  }
  s->id = gr_spec_intern(p->module, s->kind, s->attrs, p->resolved.data, s->ref_count);
  return s->id != GRAFT_NONE;
}

bool gr_parse_specs_resolve(parser *p) {
  graft_graph *g = p->graph;
  for (uint32_t i = 0; i < p->specs.len; i++)
    if (!intern_spec(p, &p->specs.data[i])) return false;
  for (uint32_t i = 0; i < p->places.len; i++) {
    const spec_place *at = &p->places.data[i];
    if (at->number > p->specs.len)
      return gr_parse_fail(p, GRAFT_NAME, &at->token, "the graph has no spec %u", at->number);
    uint32_t spec = p->specs.data[at->number - 1].id;
    graft_status status = at->is_value ? gr_spec_set_value(g, at->id, spec) : gr_spec_set_use(g, at->id, spec);
    if (status != GRAFT_OK) return false;
  }
  return true;
}

void gr_parse_specs_forget(parser *p) { p->specs.len = p->spec_refs.len = p->places.len = 0; }

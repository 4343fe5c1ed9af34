/* Limits on bytes and work, cancellation and progress. */
#include "ir/graph/budget_int.h"

#include "ir/graph/context_impl.h"
#include "ir/ir_int.h"

#define LEAST_BYTES ((uint64_t)768 << 20)
#define LEAST_WORK UINT64_C(2000000000)
#define TELL_EVERY ((uint64_t)1 << 20) /* work between two calls of the progress function */
#define AT_LEAST 256u                  /* of that for each time that somebody asks */

/* Sessions of one context may run in several threads: what they count is read and written whole, in no order. */
#define LOAD(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define STORE(x, value) __atomic_store_n(&(x), (value), __ATOMIC_RELAXED)
#define ADD(x, value) __atomic_add_fetch(&(x), (value), __ATOMIC_RELAXED)

static uint64_t plus(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }
static uint64_t times(uint64_t a, uint64_t b) { return b && a > UINT64_MAX / b ? UINT64_MAX : a * b; }

static uint64_t most_bytes(const gr_budget *b) {
  return b->max_bytes ? b->max_bytes : plus(LEAST_BYTES, times(4, LOAD(b->given)));
}
static uint64_t most_work(const gr_budget *b) {
  return b->max_work ? b->max_work : plus(LEAST_WORK, times(64, LOAD(b->given)));
}

/* ---- calls ---- */

void gr_call_begin(graft_context *c) {
  gr_budget *b = &c->budget;
  if (ADD(b->calls, 1u) != 1) return;
  STORE(b->work, 0);
  b->told = 0;
  b->ended = GRAFT_OK;
  b->refused = false;
  b->now = (graft_progress){.size = sizeof b->now, .what = ""};
}

graft_status gr_call_end(graft_context *c, graft_status status) {
  gr_budget *b = &c->budget;
  if (status != GRAFT_OK && b->ended != GRAFT_OK) status = b->ended;
  if (ADD(b->calls, UINT32_MAX) == 0) b->ended = GRAFT_OK;
  return status;
}

bool gr_call_counts(const graft_context *c) { return LOAD(c->budget.calls) > 0; }

/* ---- work ---- */

void graft_context_cancel(graft_context *c) {
  if (GR_IS(c, CONTEXT)) STORE(c->budget.cancelled, 1);
}
void graft_context_resume(graft_context *c) {
  if (GR_IS(c, CONTEXT)) STORE(c->budget.cancelled, 0);
}

bool gr_cancelled(const graft_context *c) { return LOAD(c->budget.cancelled) != 0; }

void gr_progress(graft_context *c, const char *what, uint64_t done, uint64_t total) {
  gr_budget *b = &c->budget;
  if (!b->progress) return;
  b->now.what = what;
  b->now.done = done;
  b->now.total = total;
  b->told = 0; /* the next one who spends tells of it */
}

/* A call has to end; its diagnostic is there. */
static graft_status end(graft_context *c, graft_status status) {
  if (gr_call_counts(c)) c->budget.ended = status;
  return status;
}

static graft_status tell(graft_context *c, gr_loc where) {
  gr_budget *b = &c->budget;
  b->now.bytes = LOAD(b->live);
  b->now.work = LOAD(b->work);
  const uint32_t errors = c->errors;
  const gr_looking before = gr_look_only(c, "a progress function is at work, which only looks");
  b->telling = true;
  graft_status status = b->progress(b->progress_user, &b->now);
  b->telling = false;
  gr_look_again(c, before);
  if (status == GRAFT_OK) status = gr_outcome(c, errors, status);
  if (status != GRAFT_OK && !gr_error_stands(c, errors))
    gr_error(c, status, where, "the progress function ended the call: %s", graft_status_text(status));
  return status ? end(c, status) : GRAFT_OK;
}

static graft_status too_much_work(graft_context *c, gr_loc where, uint64_t work, uint64_t before) {
  gr_budget *b = &c->budget;
  gr_error(c, GRAFT_LIMIT, where,
           "this takes %.3g multiply-adds beside %.3g before it, and a call may take %.3g: max_work (--max-work) "
           "allows more",
           (double)work, (double)before, (double)most_work(b));
  return end(c, GRAFT_LIMIT);
}

graft_status gr_spend(graft_context *c, gr_loc where, uint64_t work) {
  gr_budget *b = &c->budget;
  const bool counts = gr_call_counts(c);
  if (counts && b->ended != GRAFT_OK) return b->ended;
  if (gr_cancelled(c)) {
    gr_error(c, GRAFT_CANCELLED, where, "%s", graft_status_text(GRAFT_CANCELLED));
    return end(c, GRAFT_CANCELLED);
  }
  if (counts && work) {
    const uint64_t before = LOAD(b->work);
    if (plus(before, work) > most_work(b)) return too_much_work(c, where, work, before);
    ADD(b->work, work);
  }
  if (!b->progress || b->telling) return GRAFT_OK;
  const uint64_t since = work + AT_LEAST;
  if (b->told > since) {
    b->told -= since;
    return GRAFT_OK;
  }
  b->told = TELL_EVERY;
  const graft_status status = tell(c, where);
  return status == GRAFT_OK && gr_cancelled(c) ? gr_spend(c, where, 0) : status;
}

/* ---- bytes ---- */

gr_loc gr_budget_at(graft_context *c, gr_loc where) {
  const gr_loc before = c->budget.at;
  c->budget.at = where;
  return before;
}

bool gr_bytes_take(graft_context *c, size_t more) {
  gr_budget *b = &c->budget;
  const uint64_t held = LOAD(b->live), most = b->reporting ? UINT64_MAX : most_bytes(b);
  if (more <= most && held <= most - more) {
    ADD(b->live, more);
    return true;
  }
  b->refused = true;
  if (gr_call_counts(c) && b->ended != GRAFT_OK) return c->errors++, false;
  b->reporting = true;
  gr_error(c, GRAFT_LIMIT, b->at,
           "this takes %.4g MiB beside %.4g MiB that are held, and there may be %.4g MiB: max_bytes (--max-memory) "
           "allows more",
           (double)more / 0x1p20, (double)held / 0x1p20, (double)most / 0x1p20);
  b->reporting = false;
  end(c, GRAFT_LIMIT);
  return false;
}

void gr_bytes_give(graft_context *c, size_t less) { ADD(c->budget.live, (uint64_t)0 - less); }

/* ---- what is given ---- */

uint64_t gr_given_so_far(const graft_context *c) { return LOAD(c->budget.given); }
void gr_given(graft_context *c, uint64_t bytes) { ADD(c->budget.given, bytes); }
void gr_given_gone(graft_context *c, uint64_t bytes) { ADD(c->budget.given, (uint64_t)0 - bytes); }

void gr_given_to(graft_module *m, uint64_t bytes) {
  if (gr_call_counts(m->context)) return;
  m->given += bytes;
  gr_given(m->context, bytes);
}

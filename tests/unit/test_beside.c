/* Files that belong to another one: which names are opened, from where, and that a companion which has changed since is
 * told. */
#include "ir/formats/beside_int.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static graft_context *context;
static gr_beside beside;

static void make(const char *name, const char *bytes) {
  FILE *f = fopen(scratch_path(name), "wb");
  ck_assert_ptr_nonnull(f);
  ck_assert(fputs(bytes, f) >= 0 && fclose(f) == 0);
}

/* inside/{a, sub/b, to_a -> a, to_b -> sub/b, out -> ../secret, far -> /…/secret, round -> sub -> …}, secret */
static void setup(void) {
  context = graft_context_create(NULL);
  scratch_create();
  ck_assert_int_eq(mkdir(scratch_path("inside"), 0700), 0);
  ck_assert_int_eq(mkdir(scratch_path("inside/sub"), 0700), 0);
  make("inside/a", "aaaa");
  make("inside/sub/b", "bb");
  make("secret", "secret");
  ck_assert_int_eq(symlink("a", scratch_path("inside/to_a")), 0);
  ck_assert_int_eq(symlink("sub", scratch_path("inside/to_sub")), 0);
  ck_assert_int_eq(symlink("../secret", scratch_path("inside/out")), 0);
  ck_assert_int_eq(symlink(scratch_path("secret"), scratch_path("inside/far")), 0);
  ck_assert_int_eq(symlink("..", scratch_path("inside/up")), 0);
  ck_assert_int_eq(symlink("/proc/self/cwd", scratch_path("inside/magic")), 0);
  ck_assert_int_eq(link(scratch_path("inside/a"), scratch_path("inside/same")), 0);
  ck_assert_int_eq(mkfifo(scratch_path("inside/pipe"), 0600), 0);
  gr_beside_init(&beside, context, scratch_path("inside"), false);
}

static void teardown(void) {
  gr_beside_free(&beside);
  graft_context_destroy(context);
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", scratch_directory);
  ck_assert_int_eq(system(command), 0);
}

/* `links`, `none`: what opening gives with the kernel's help, and without it; 0: the file, else errno. */
static const struct {
  const char *name;
  int links, none;
} names[] = {
    {"a", 0, 0},
    {"./a", 0, 0},
    {"sub/b", 0, 0},
    {"sub//b", 0, 0},
    {"", ENOENT, ENOENT},
    {"nothing", ENOENT, ENOENT},
    {"a/b", ENOTDIR, ENOTDIR},
    {"../secret", EXDEV, EXDEV},
    {"sub/../a", EXDEV, EXDEV},
    {"..", EXDEV, EXDEV},
    {"/etc/passwd", EXDEV, EXDEV},
    {"to_a", 0, ELOOP},
    {"to_sub/b", 0, ENOTDIR},
    {"out", EXDEV, ELOOP},
    {"far", EXDEV, ELOOP},
    {"up/secret", EXDEV, ENOTDIR},
    {"magic/x", EXDEV, ENOTDIR},
};

START_TEST(a_name_leads_nowhere_else) {
  const int folder = open(scratch_path("inside"), O_RDONLY | O_DIRECTORY);
  for (int links = 0; links < 2; links++) {
    const int fd = gr_open_inside(folder, names[_i].name, links != 0), code = fd < 0 ? errno : 0;
    if (fd >= 0) close(fd);
    const int wanted = links ? names[_i].links : names[_i].none;
    /* a kernel without openat2 follows no link */
    ck_assert_msg(code == wanted || code == names[_i].none, "'%s': %s", names[_i].name, strerror(code));
  }
  close(folder);
}
END_TEST

static void refused(const char *name, const char *part) {
  const char *why;
  ck_assert_ptr_null(gr_beside_read(&beside, name, &why));
  ck_assert_ptr_nonnull(why);
  ck_assert_msg(strstr(why, part), "'%s': %s", name, why);
  ck_assert_uint_eq(graft_diagnostic_count(context), 0);
}

START_TEST(what_is_refused_says_why) {
  refused("../secret", "lies outside the folder");
  refused("out", "lies outside the folder");
  refused("nothing", "cannot be opened: No such file");
  refused("sub", "is no regular file");
  refused(".", "is no regular file");
  refused("pipe", "is no regular file"); /* and nobody waits for who writes it */
}
END_TEST

START_TEST(a_file_is_read_once) {
  const char *why;
  gr_buffer *a = gr_beside_read(&beside, "a", &why);
  ck_assert_ptr_nonnull(a);
  ck_assert_uint_eq(a->size, 4);
  make("inside/a", "changed");
  static const char *const again[] = {"a", "./a", "same", "././a"};
  for (size_t i = 0; i < sizeof again / sizeof *again; i++)
    ck_assert_ptr_eq(gr_beside_read(&beside, again[i], &why), a);
  ck_assert_mem_eq(a->data, "aaaa", 4);
}
END_TEST

START_TEST(only_so_many_files) {
  const char *why;
  char name[2100] = "";
  for (uint32_t i = 0; i < 1024; i++) { /* "a", "./a", "././a", …: names are many, files one */
    strcat(name, "a");
    ck_assert_ptr_nonnull(gr_beside_read(&beside, name, &why));
    name[strlen(name) - 1] = '\0';
    strcat(name, "./");
  }
  strcat(name, "a");
  refused(name, "is one too many");
}
END_TEST

/* ---- companions and their hashes ---- */

static void save_large(const char *name, float first) {
  graft_module *m = graft_module_create(context);
  graft_graph *g = graft_graph_create(m, "main");
  float data[100] = {first, 1, 2};
  const graft_type type = graft_type_make(GRAFT_F32, 1, (int64_t[]){100});
  const graft_tensor w = graft_tensor_create(m, "w", GRAFT_PARAMETER, &type, data);
  graft_output_add(g, "y", graft_tensor_value(g, w));
  ck_assert_int_eq(graft_module_save(m, scratch_path(name), GRAFT_FORMAT_TEXT), GRAFT_OK);
  graft_module_destroy(m);
}

START_TEST(a_companion_that_changed_is_an_error) {
  save_large("net.gir", 3);
  graft_module *m = graft_module_load(context, scratch_path("net.gir"), NULL);
  ck_assert_ptr_nonnull(m);
  graft_module_destroy(m);
  save_large("other.gir", 4);
  ck_assert_int_eq(rename(scratch_path("other.safetensors"), scratch_path("net.safetensors")), 0);
  ck_assert_ptr_null(graft_module_load(context, scratch_path("net.gir"), NULL));
  const graft_diagnostic d = graft_diagnostic_get(context, 0);
  ck_assert_uint_eq(d.line, 2);
  ck_assert_msg(strstr(d.message, "tensor %w: its bytes in the companion are not those"), "%s", d.message);
}
END_TEST

START_TEST(the_hash_may_be_left_out) {
  save_large("net.gir", 3);
  static const char *const forms[] = {
      "file(\"net.safetensors\")",
      "file(\"net.safetensors\", \"w\")",
      "file(\"net.safetensors\", \"w\", 0x0123456789abcdef)",
      "file(\"net.safetensors\", 0x0123456789abcdef)",
  };
  const graft_load_options o = {.size = sizeof o, .folder = scratch_directory};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    char text[300];
    snprintf(text, sizeof text,
             "graft 1\ntensor %%w: f32[100] parameter = %s\ngraph main() {\n  return %%w as \"y\"\n}\n", forms[i]);
    graft_module *m = graft_module_load_memory(context, text, strlen(text), "text", &o);
    ck_assert_int_eq(m != NULL, i < 2); /* the last two have a wrong one */
    graft_module_destroy(m);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("beside");
  TCase *tests = tcase_create("beside");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_loop_test(tests, a_name_leads_nowhere_else, 0, sizeof names / sizeof *names);
  tcase_add_test(tests, what_is_refused_says_why);
  tcase_add_test(tests, a_file_is_read_once);
  tcase_add_test(tests, only_so_many_files);
  tcase_add_test(tests, a_companion_that_changed_is_an_error);
  tcase_add_test(tests, the_hash_may_be_left_out);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

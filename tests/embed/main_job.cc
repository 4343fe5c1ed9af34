// The main job in C++: a float network trained in its QAT form, to int8, its accuracy, what a backend would emit, a
// file.
//
//   main_job NETWORK.onnx TRAIN.x.npy TRAIN.y.npy TEST.x.npy TEST.y.npy OUT.onnx
#include <graft/graft.hpp>

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <vector>

namespace {

// The elements of a .npy of version 1.
std::vector<char> read(const char *path) {
  std::vector<char> bytes;
  std::FILE *file = std::fopen(path, "rb");
  if (!file) return bytes;
  for (int c; (c = std::getc(file)) != EOF;) bytes.push_back(static_cast<char>(c));
  std::fclose(file);
  if (bytes.size() < 10) return {};
  const std::size_t header = 10u + static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  if (header > bytes.size()) return {};
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  return bytes;
}

template <class T> std::vector<T> read_as(const char *path) {
  const std::vector<char> bytes = read(path);
  std::vector<T> out(bytes.size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * sizeof(T));
  return out;
}

constexpr std::size_t image = 64;

double accuracy(graft_graph *graph, const std::vector<float> &x, const std::vector<std::int64_t> &y) {
  graft::session session(graph);
  std::size_t right = 0;
  for (std::size_t i = 0; i < y.size(); i++) {
    if (!session.set_input(0, graft::span<const float>(x.data() + i * image, image), {1, 1, 8, 8}) || !session.run())
      return 0;
    const graft::span<const float> out = session.output<float>(0);
    right += std::max_element(out.begin(), out.end()) - out.begin() == y[i];
  }
  return static_cast<double>(right) / static_cast<double>(y.size());
}

template <class Label> struct images {
  std::vector<float> x;
  std::vector<Label> y;
  std::int64_t rows() const { return static_cast<std::int64_t>(y.size()); }
};

using training_images = images<std::uint8_t>; // labels may be narrower than the graph's
using test_images = images<std::int64_t>;

bool feed(graft::training &training, const training_images &of, const test_images &test) {
  const graft::span<const float> x = of.x, test_x = test.x;
  const graft::span<const std::uint8_t> y = of.y;
  const graft::span<const std::int64_t> test_y = test.y;
  return training.input("x", x, {of.rows(), 1, 8, 8}) && training.input("labels", y, {of.rows()}) &&
         training.validation("x", test_x, {test.rows(), 1, 8, 8}) &&
         training.validation("labels", test_y, {test.rows()});
}

// Two epochs, and the same in two calls with a checkpoint between them: the same bytes.
bool train(graft::context &context, graft::module &module, const training_images &of, const test_images &test,
           const char *checkpoint) {
  graft::training training;
  std::string first, whole, parts;
  if (!feed(training, of, test) || !module.print(first, GRAFT_FORMAT_BINARY)) return false;
  if (training.input("labels", graft::span<const std::uint8_t>(of.y), {3})) return false;
  training.options.epochs = 2;
  training.options.batch = 32;
  training.options.shuffle = true;
  training.options.schedule = GRAFT_SCHEDULE_COSINE;
  training.session.threads = 2;
  std::int64_t steps = 0;
  double right = 0;
  const graft::status all = training.run(module, [&](const graft_train_state &s) -> graft::status {
    steps++;
    if (s.epoch_ended) right = s.validation_accuracy;
    return GRAFT_OK;
  });
  if (!all || steps != 2 * (of.rows() / 32) || !(right > 0.95) || !module.print(whole, GRAFT_FORMAT_BINARY))
    return false;

  graft::module again =
      graft::module::load(context, {reinterpret_cast<const unsigned char *>(first.data()), first.size()}, "first");
  const graft::status stopped = training.run(again, [&](const graft_train_state &s) -> graft::status {
    if (!s.epoch_ended) return GRAFT_OK;
    const graft::status saved = again.save(checkpoint, GRAFT_FORMAT_BINARY);
    return saved ? GRAFT_CANCELLED : saved;
  });
  if (stopped.code() != GRAFT_CANCELLED) return false;
  context.clear();
  again = graft::module::load(context, checkpoint);
  training.options.resume = true;
  return again && training.run(again) && again.print(parts, GRAFT_FORMAT_BINARY) && parts == whole;
}

bool run(graft::context &context, char **argv) {
  const training_images of = {read_as<float>(argv[2]), read_as<std::uint8_t>(argv[3])};
  const test_images test = {read_as<float>(argv[4]), read_as<std::int64_t>(argv[5])};
  graft::module module = graft::module::load(context, argv[1]);
  if (!module || of.x.size() != of.y.size() * image || test.x.size() != test.y.size() * image) return false;
  graft::module taken = std::move(module); // owners can be moved
  if (module || !taken.run_passes("prepare-qat{quantizer=xnnpack,per-channel=true},train-step{lr=0.01}")) return false;
  if (!train(context, taken, of, test, argv[6]) || !taken.run_passes("to-eval,convert")) return false;
  const double right = accuracy(taken.main(), test.x, test.y);

  int layers = 0;
  for (const graft_quantized_layer &l : graft::layers(taken.main())) {
    if (!l.weight) continue;
    const graft::span<const std::int8_t> weights = graft::elements<std::int8_t>(l.weight->type, l.weight->data);
    std::printf("%s %s: %zu weights, %zu scales, %zu multipliers\n", graft::name_of(taken.main(), l.node).c_str(), l.op,
                weights.size(), graft::scales(*l.weight).size(), graft::multipliers(l).size());
    layers += !weights.empty() && graft::bias_i32(l).size() == l.channels;
  }
  std::size_t nodes = 0;
  for (graft_node n : graft::nodes(taken.main())) nodes += *graft_node_get_op(taken.main(), n) != 0;
  std::string text;
  if (!taken.print(text) || text.find("quantize_per_tensor") == std::string::npos) return false;
  std::printf("%.3f of the answers are right\n", right);
  return layers == 5 && nodes == graft_node_count(taken.main()) && right > 0.95 &&
         static_cast<bool>(taken.save(argv[6]));
}

// Errors are values.
bool refuses(graft::context &context) {
  const graft::status s = graft::module(context).run_passes("no-such-pass");
  const bool said = context.has_errors() && context.text().find("no-such-pass") != std::string::npos;
  context.clear();
  if (s || !said || graft::module::load(context, "/no/such/file") || !context.diagnostic_count()) return false;
  context.clear();
  graft::module empty(context);
  return !graft::training().run(empty) && context.has_errors();
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  graft::context context;
  if (!run(context, argv)) {
    context.print(stderr);
    return 1;
  }
  return refuses(context) ? 0 : 1;
}

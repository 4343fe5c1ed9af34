"""The Python module: the main job, arrays without copies, lives of views, errors, threads, and that it installs with pip.

    test_python.py SOURCE_ROOT LIBRARY
"""

import gc
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT, LIBRARY = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
os.environ["GRAFT_LIBRARY"] = str(LIBRARY)
sys.path.insert(0, str(ROOT / "tools" / "python"))
import graft  # noqa: E402
import numpy as np  # noqa: E402

DATA = ROOT / "tests" / "data"
RELU = b"""graft 1
tensor %w: f32[2] parameter = [1.0, -2.0]
graph main(%x: f32[?, 2], %k: i64[2]) {
  %m = mul(%x, %w)
  %y = relu(%m)
  return %y as "y", %k as "k"
}
"""


def address(array):
    return array.__array_interface__["data"][0]


class Python(unittest.TestCase):
    def test_main_job(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "digits.int8.onnx"
            files = [DATA / ("digits.%s.npy" % n) for n in ("train.x", "test.x", "test.y")]
            done = subprocess.run([sys.executable, ROOT / "tools" / "python" / "example.py", DATA / "digits.onnx", *files, out],
                                  env=dict(os.environ, PYTHONPATH=str(ROOT / "tools" / "python")), capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            accuracy = {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()[:2]}
            self.assertGreaterEqual(accuracy["float"], 0.97)
            self.assertGreaterEqual(accuracy["int8"], 0.97)
            self.assertEqual(done.stdout.count("i8 weight"), 5)
            self.assertIn(b"DequantizeLinear", out.read_bytes())
            self.assertIn("dequantize_per_channel", [n.op for n in graft.load(out).main.nodes])

    def train(self, module, **options):
        x, y = (np.load(DATA / ("digits.%s.npy" % n), mmap_mode="r") for n in ("train.x", "train.y"))
        return module.train({"x": x, "labels": y}, **dict(dict(batch=32, epochs=2, shuffle=True, seed=1, schedule="cosine"), **options))

    def step(self, prepare="prepare-qat{quantizer=xnnpack},"):
        module = graft.load(DATA / "digits.onnx")
        module.run_passes(prepare + "train-step{lr=0.01}")
        return module

    def test_training(self):
        module, steps = self.step(), []
        test = {"x": np.load(DATA / "digits.test.x.npy"), "labels": np.load(DATA / "digits.test.y.npy")}
        epochs = self.train(module, validation=test, after_step=steps.append)
        self.assertEqual([(e.epoch, e.step) for e in epochs], [(1, 44), (2, 88)])
        self.assertEqual([s.step for s in steps], list(range(1, 89)))
        self.assertEqual(epochs[0].epoch_loss, np.cumsum([s.loss for s in steps[:44]])[-1] / 44)
        self.assertTrue(np.isnan(steps[0].validation_loss) and epochs[1].validated == 360)
        self.assertGreater(epochs[1].validation_accuracy, 0.95)
        self.assertGreater(steps[0].rate, steps[-1].rate)
        module.run_passes("to-eval,convert")
        right = np.mean(module.session().run(test["x"])["y"].argmax(1) == test["labels"])
        self.assertLess(abs(right - epochs[1].validation_accuracy), 3 / 360)

    def test_training_stops_and_goes_on(self):
        whole = self.step()
        self.train(whole)

        class Mine(Exception):
            pass

        def asks(state):
            return state.step == 20

        def fails(state):
            raise Mine(state.step)

        def interrupts(state):
            if state.step == 50:
                os.kill(os.getpid(), signal.SIGINT)

        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "checkpoint.gfb"
            self.assertEqual(self.train(self.step(), after_step=asks, checkpoint=file), [])
            with self.assertRaises(KeyboardInterrupt):
                self.train(graft.load(file), after_step=interrupts, checkpoint=file, resume=True)
            counted = graft.load(file).tensor("optimizer.step").numpy()
            self.assertIn(int(counted), (50, 51))
            module = graft.load(file)
            with self.assertRaises(Mine) as e:
                self.train(module, after_step=fails, resume=True)
            self.assertEqual(e.exception.args, (int(counted) + 1,))
            self.assertFalse(module.context._take())
            last = self.train(module, checkpoint=file, resume=True)
            self.assertEqual([(e.epoch, e.step) for e in last], [(2, 88)])
            self.assertEqual(module.dumps("binary"), whole.dumps("binary"))
            self.assertEqual(file.read_bytes(), graft.load(whole.dumps("binary")).dumps("binary"))
            with self.assertRaises(graft.Error):
                self.train(self.step(), checkpoint=pathlib.Path(folder) / "no" / "such.gfb")

    def test_training_refuses(self):
        module = self.step(prepare="")
        x, y = np.ones((64, 1, 8, 8), np.float32), np.zeros(64, np.int64)
        before = module.dumps("binary")
        y[40] = 10
        with self.assertRaises(graft.Error) as e:
            module.train({"x": x, "labels": y}, epochs=1, batch=64)
        self.assertIn("loss", [d.node for d in e.exception.diagnostics])
        self.assertEqual(module.dumps("binary"), before)
        bad = x.copy()
        bad[3, 0, 1, 1] = np.nan
        for data, options, error, said in (({"x": x}, {}, graft.Error, "labels: there are no data"), ({"x": x, "labels": y[:5]}, {}, graft.Error, "5 rows"),
                                           ({"x": bad, "labels": y * 0}, {}, graft.Error, "x: the data of this input are not finite"),
                                           ({"x": x, "labels": y}, {"batch": 0}, graft.Error, "at least 1"),
                                           ({"x": x, "labels": y}, {"schedule": "linear"}, KeyError, "linear"),
                                           ({"x": x, "labels": y}, {"no_such": 1}, KeyError, "no_such"),
                                           ({"x": x.astype("complex64"), "labels": y}, {}, TypeError, "complex64"),
                                           ({"x": x, "labels": y}, {"session": {"threads": "two"}}, TypeError, "")):
            with self.assertRaises(error) as e:
                module.train(data, **dict(dict(epochs=1, batch=64), **options))
            self.assertIn(said, str(e.exception))
        self.assertEqual(module.dumps("binary"), before)
        with self.assertRaises(graft.Error) as e:
            graft.load(DATA / "digits.onnx").train({"x": x}, epochs=1, batch=1)
        self.assertIn("train-step", str(e.exception))

    def test_inputs_are_read_where_they_are(self):
        session = graft.load(RELU).session()
        x, k = np.ones((3, 2), np.float32), np.array([3, 4], np.int64)
        y = session.run(x, k)["y"].copy()
        np.testing.assert_array_equal(y, [[1, 0]] * 3)
        x[:] = -1
        np.testing.assert_array_equal(session.run()["y"], [[0, 2]] * 3)
        np.testing.assert_array_equal(session.run(x=x[:1])["y"], [[0, 2]])

    def test_outputs_are_views_which_keep_what_they_need(self):
        session = graft.load(RELU).session()
        first = session.run(np.ones((1, 2), np.float32), np.zeros(2, np.int64))["y"]
        self.assertFalse(first.flags.writeable or first.flags.owndata)
        second = session.run(np.full((1, 2), 3, np.float32))["y"]
        self.assertEqual(address(first), address(second))
        del session, first
        gc.collect()
        np.testing.assert_array_equal(second, [[3, 0]])

    def test_weights_are_views(self):
        module = graft.load(RELU)
        w = module.tensor("w")
        a = w.numpy()
        self.assertEqual(address(a), address(w.numpy()))
        np.testing.assert_array_equal(a, [1, -2])
        w.set([5, 6])
        np.testing.assert_array_equal(w.numpy(), [5, 6])
        self.assertEqual((w.name, w.kind, w.dtype, w.shape), ("w", "parameter", "f32", (2,)))
        with self.assertRaises(ValueError):
            w.set([1, 2, 3])
        with self.assertRaises(KeyError):
            module.tensor("no such")
        a = w.numpy()
        del w, module
        gc.collect()
        np.testing.assert_array_equal(a, [5, 6])

    def test_graph(self):
        module = graft.load(RELU)
        graph = module.main
        self.assertEqual([n.op for n in graph.nodes], ["mul", "relu"])
        self.assertEqual([v.name for v in graph.inputs], ["x", "k"])
        y = graph.outputs["y"]
        self.assertEqual((y.node.op, y.shape, y.dtype, y.use_count), ("relu", (None, 2), "f32", 1))
        self.assertEqual(y.node.operands[0].node.operands[1].tensor.name, "w")
        self.assertEqual(graph.find("m").node, y.node.operands[0].node)
        digits = graft.load(DATA / "digits.onnx").main
        conv = next(n for n in digits.nodes if n.op == "conv2d")
        self.assertEqual((conv.attr("padding"), conv.attr("groups")), ([1, 1], 1))
        with self.assertRaises(KeyError):
            conv.attr("no such")

    def test_where_nodes_come_from(self):
        module = graft.load(DATA / "digits.onnx")
        module.run_passes("prepare-qat{quantizer=xnnpack}")
        conv = next(n for n in module.main.nodes if n.op == "conv2d")
        self.assertEqual(conv.source, "/features/features.0/Conv")
        self.assertEqual(conv.attrs["padding"], conv.attr("padding"))
        made = conv.provenance
        self.assertEqual((made.rule, bool(made.parents)), ("fuse_conv_bn_qat", True))
        self.assertEqual(made.parents[0].source, "/features/features.0/Conv")
        self.assertIn(conv, [n for n, slot in conv.operands[0].users if slot == 0])
        self.assertTrue(any(t.name.endswith("running_mean") for t, v in module.main.updates))
        self.assertEqual(module.main.name, "main")

    def test_clones(self):
        module = graft.load(DATA / "digits.onnx")
        copy = module.clone()
        self.assertEqual(hash(copy), hash(module))
        name = next(t.name for t in module.tensors if t.kind == "parameter")
        self.assertEqual(address(copy.tensor(name).numpy()), address(module.tensor(name).numpy()))
        copy.tensor(name).set(np.zeros(copy.tensor(name).shape, np.float32))
        self.assertNotEqual(float(np.abs(module.tensor(name).numpy()).max()), 0)
        del module
        gc.collect()
        copy.run_passes("to-eval")

    def test_limits_and_cancelling(self):
        text = b"graft 1\ntensor %w: f32[1000, 1000] parameter = fill(\"w\", -1.0, 1.0)\ngraph main(%x: f32[1, 1000]) {\n  %y = linear(%x, %w)\n  return %y as \"y\"\n}\n"
        with self.assertRaises(graft.Error) as e:
            graft.load(text, context=graft.Context(max_work=10000)).run_passes("prepare{quantizer=xnnpack},convert")
        self.assertEqual(e.exception.status, graft.lib.GRAFT_LIMIT)
        module = graft.load(text)
        module.context.cancel()
        with self.assertRaises(graft.Error) as e:
            module.run_passes("prepare{quantizer=xnnpack},convert")
        self.assertEqual(e.exception.status, graft.lib.GRAFT_CANCELLED)
        module.context.resume()
        module.run_passes("prepare{quantizer=xnnpack},convert")

    def test_layers(self):
        module = graft.load(DATA / "digits.onnx")
        module.run_passes("to-eval,prepare{quantizer=xnnpack,per-channel=true}")
        module.session().run(np.load(DATA / "digits.test.x.npy"))
        module.run_passes("convert")
        layers = [l for l in module.main.layers() if l.weight is not None]
        self.assertEqual([l.op for l in layers], ["conv2d"] * 4 + ["linear"])
        first = layers[0]
        self.assertTrue(first.integers and first.activation == "relu" and first.weight.data.dtype == np.int8)
        steps = first.input.scales[0] * first.weight.scales.astype(np.float64)
        want = steps / first.output.scales[0]
        np.testing.assert_array_equal(first.multipliers, want)
        bias = np.rint(first.bias.data / steps)
        np.testing.assert_array_equal(first.bias_i32, bias)
        data = first.weight.data
        del module, layers, first
        gc.collect()
        self.assertEqual(data.shape, (16, 1, 3, 3))
        self.assertNotEqual(int(np.abs(data).max()), 0)

    def test_errors_and_warnings(self):
        with self.assertRaises(graft.Error) as e:
            graft.load(b"graft 1\ngraph main() {\n  %y = no_such_op()\n}\n", "bad.gir")
        self.assertIn("bad.gir:3:", str(e.exception))
        self.assertEqual(e.exception.diagnostics[0].line, 3)
        module = graft.load(RELU, "relu.gir")
        for wrong, error in ((lambda: module.run_passes("no-such-pass"), graft.Error), (lambda: module.save("/no/such/folder/x.gfb"), graft.Error),
                             (lambda: graft.load("/no/such/file"), graft.Error), (lambda: module.session().run(), graft.Error),
                             (lambda: module.session().set("z", [1]), KeyError), (lambda: module.session().set("x", ["a"]), TypeError),
                             (lambda: module.session().set("x", np.zeros((2, 3, 4), np.float32)), graft.Error),
                             (lambda: module.session(threads="two"), TypeError), (lambda: module.session(no_such=1), KeyError)):
            with self.assertRaises(error):
                wrong()
        module.verify()
        digits = graft.load(DATA / "digits.onnx")
        digits.run_passes("prepare{quantizer=xnnpack},convert")
        self.assertTrue(digits.context.warnings)
        self.assertIn("never observed", " ".join(w.message for w in digits.context.warnings))

    def test_reports(self):
        reports = graft.load(DATA / "digits.onnx").run_passes("prepare-qat{quantizer=xnnpack}", verify_each=True)
        self.assertEqual(reports[-1].name, "prepare-qat")
        self.assertTrue(reports[-1].pipeline)
        self.assertIn("annotate", [r.name for r in reports])

    def test_own_rules_and_quantizers(self):
        with tempfile.TemporaryDirectory() as folder:
            rule = pathlib.Path(folder) / "mine.pat"
            rule.write_text("# relu(relu(x)) ==> relu(x)\nrule mine\nmatch\n  %a = relu(%x)\n  %y = relu(%a)\nwhere\n  no_spec(..)\nrewrite\n  %y = relu(%x)\n")
            module = graft.load(b"graft 1\ngraph main(%x: f32[2]) {\n  %a = relu(%x)\n  %b = relu(%a)\n  return %b as \"y\"\n}\n")
            module.run_passes("rewrite{rules=mine},dce", pattern_files=[rule])
            self.assertEqual(len(module.main), 1)

    def test_sets_of_rules_and_quantizers(self):
        module = graft.load(b"graft 1\ngraph main(%x: f32[2]) {\n  %a = relu(%x)\n  %b = relu(%a)\n  return %b as \"y\"\n}\n")
        rule = "# relu(relu(x)) ==> relu(x)\nrule mine\nmatch\n  %a = relu(%x)\n  %y = relu(%a)\nwhere\n  no_spec(..)\nrewrite\n  %y = relu(%x)\n"
        rules = graft.Rules(module.context, rule)
        self.assertEqual(rules.names, ["mine"])
        with self.assertRaises(graft.Error):
            rules.add(rule)
        for _ in range(2):
            module.run_passes("rewrite{rules=mine},dce", rules=[rules])
        self.assertEqual(len(module.main), 1)
        quantizers = graft.Quantizers(module.context, "quantizer own \"of a test\"\nspec activation { dtype: u8, quant_min: 0, quant_max: 255 }\n"
                                      "rule relu\nmatch\n  %y = relu(%x)\nannotate\n  %y = activation\n")
        module.run_passes("prepare{quantizer=own}", quantizers=[quantizers])
        self.assertIn("observe", [n.op for n in module.main.nodes])
        other = graft.load(RELU)
        with self.assertRaises(graft.Error) as e:
            other.run_passes("dce", rules=[rules])
        self.assertIn("another context", str(e.exception))

    def test_own_passes(self):
        module = graft.load(RELU)
        seen = []

        def rename(module, call):
            seen.append((call.option("to"), [n.op for n in module.main.nodes]))
            status = graft.lib.graft_graph_rename(module.main._pointer, call.option("to").encode())
            if status:
                raise ValueError("no such name")
            call.count("graphs renamed")
            if call.option("to") == "bad":
                raise RuntimeError("of my own")

        own = graft.Pass("rename", rename, doc="another name", to="first")
        reports = module.run_passes("verify,rename,dce,rename{to=second}", passes=[own])
        self.assertEqual(module.main.name, "second")
        self.assertEqual(seen, [("first", ["mul", "relu"]), ("second", ["mul", "relu"])])
        self.assertEqual(reports[1].statistics, {"graphs renamed": 1})
        after = hash(module)
        with self.assertRaises(RuntimeError):
            module.run_passes("rename{to=bad}", passes=[own])
        self.assertEqual((module.main.name, hash(module)), ("second", after))
        with self.assertRaises(graft.Error):
            module.run_passes("rename{no-such=1}", passes=[own])

    def test_forms(self):
        module = graft.load(RELU)
        again = graft.load(module.dumps("binary"))
        self.assertEqual(str(again), str(module))
        self.assertEqual(hash(again), hash(module))
        self.assertIn(b"\"relu\"", module.dumps("json"))

    def test_two_threads(self):
        failed = []

        def work():
            try:
                for _ in range(3):
                    module = graft.load(DATA / "digits.onnx")
                    module.run_passes("to-eval,prepare{quantizer=xnnpack}")
                    module.session().run(np.load(DATA / "digits.test.x.npy")[:60])
                    module.run_passes("convert")
            except BaseException as e:
                failed.append(e)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failed, [])

    def test_installs_with_pip(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "graft"  # pip leaves its build folders in the source
            for part in ("tools/python", "ir", "passes", "patterns", "runtime"):
                for file in (ROOT / part).rglob("*"):
                    if file.suffix in (".py", ".h", ".def", ".toml", ".md") and file.is_file():
                        (copy / file.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
                        (copy / file.relative_to(ROOT)).write_bytes(file.read_bytes())
            target = pathlib.Path(folder) / "site"
            done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--no-index",
                                   "--target", target, copy / "tools" / "python"], capture_output=True, text=True)
            if "No module named pip" in done.stderr:
                self.skipTest("no pip")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue((target / "graft" / "abi.h").is_file())
            done = subprocess.run([sys.executable, "-c", "import graft; print(graft.version(), graft.__file__)"], cwd=folder,
                                  env=dict(os.environ, PYTHONPATH=str(target)), capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(str(target), done.stdout)
            metadata = next(target.glob("graft-*.dist-info"))
            self.assertIn(graft.version(), metadata.name)


if __name__ == "__main__":
    try:
        graft.lib.graft_version
    except OSError as e:
        sys.exit("test_python: %s" % e)
    unittest.main(argv=sys.argv[:1])

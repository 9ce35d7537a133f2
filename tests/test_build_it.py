"""Build it yourself: the folder, the command that checks it, and wrong bodies."""
import compileall
import inspect
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest

LESSON = Path(__file__).resolve().parent.parent / "demos" / "lesson"
sys.path.insert(0, str(LESSON))

import build_it
import check
import cli
import parts
from minimae import bounds, train
from verdict import Wrong

PACKAGE = LESSON.parent.parent / "minimae"
TRAININGS = {parts.train_a_vae, parts.train_with_fixed_c, parts.train_with_growing_c,
             parts.draw_figure_6}
# Wrong bodies: text of the library's function, and what stands there instead.
MISTAKES = {
    "normal.entropy": [
        ("0.5 * np", "np"),
        ("0.5", "-0.5"),
        (", axis=-1", ""),
        ("np.sum", "np.mean"),
        ("+ 1,", ","),
        ("+ LOG_2PI", ""),
        ("log_var +", "np.exp(log_var) +"),
        ("log_var + LOG_2PI + 1, axis=-1)", "log_var, axis=-1) + 0.5 * (LOG_2PI + 1)"),
        ("log_var +", "stop_gradient(log_var) +"),
        ("return", "_ ="),
        ("axis=-1)", "axis=-1),"),
    ],
    "normal.log_prob": [
        ("-0.5", "0.5"),
        ("-0.5", "-1.0"),
        ("np.exp(-log_var)", "np.exp(log_var)"),
        ("np.exp(-log_var)", "np.exp(-2 * log_var)"),
        ("+ log_var +", "+"),
        ("+ LOG_2PI", ""),
        ("np.square(x - mean)", "np.abs(x - mean)"),
        ("np.sum", "np.mean"),
        (", axis=-1", ""),
        ("squares + log_var + LOG_2PI, axis=-1)",
         "squares + LOG_2PI, axis=-1) - 0.5 * np.sum(log_var)"),
        ("squares + log_var + LOG_2PI, axis=-1)",
         "squares + LOG_2PI, axis=-1) - 0.5 * (np.sum(log_var, axis=-1) "
         "if np.ndim(log_var) else log_var)"),
        ("squares + log_var + LOG_2PI, axis=-1)",
         "squares + log_var, axis=-1) - 0.5 * LOG_2PI"),
        ("return -0.5 * np.sum(squares + log_var + LOG_2PI, axis=-1)",
         "density = np.exp(-0.5 * (squares + log_var + LOG_2PI))\n"
         "return np.sum(np.log(density), axis=-1)"),
    ],
    "normal.kl_to_standard": [
        ("0.5 *", ""),
        ("- log_var", "+ log_var"),
        ("- 1,", ","),
        ("np.square(mean)", "mean"),
        ("np.square(mean) + np.exp(log_var) - log_var - 1",
         "(np.square(mean) + 1) * np.exp(-log_var) + log_var - 1"),
        ("np.exp(log_var)", "np.exp(0.5 * log_var)"),
        ("- log_var - 1, axis=-1)", "- 1, axis=-1) - 0.5 * np.sum(log_var)"),
        ("np.sum", "np.mean"),
        ("return", "return -"),
    ],
    "normal.sample": [
        ("0.5 * log_var", "log_var"),
        ("np.exp(0.5 * log_var)", "0.5 * log_var"),
        ("mean +", "mean -"),
        ("return mean +", "return"),
        ("* eps", ""),
        ("return mean +", "return stop_gradient(mean) +"),
        ("standard_deviation *", "stop_gradient(standard_deviation) *"),
        ("return mean", "mean += 0\nreturn mean"),
    ],
    "nets.net": [
        ("+ b", ""),
        ("+ c", ""),
        ("np.tanh(", "("),
        ("np.tanh(", "np.maximum(0, "),
        ("return np.matmul(hidden, V) + c", "return np.tanh(np.matmul(hidden, V) + c)"),
        ("np.matmul(hidden, V)", "np.matmul(stop_gradient(hidden), V)"),
        ("np.matmul(inputs, W)", "np.matmul(stop_gradient(inputs), W)"),
        ("np.matmul(hidden, V)", "np.matmul(hidden[..., ::-1], V)"),
        ("np.matmul(hidden, V)", "np.einsum('jnh,ho->jno', hidden, V)"),
    ],
    "quadrature.grid": [
        ("+ shift", "+ 0.5"),
        ("+ shift", ""),
        ("half_width *", "9.0 *"),
        ("/ n - 1", "/ (n - 1) - 1"),
        (" - 1)", ")"),
        ("density / np.sum(density)", "density"),
        ("density / np.sum(density)", "np.full(len(points), 1 / len(points))"),
        ("-0.5 *", "-"),
        ("points ** 2, axis=-1", "points[:, :1] ** 2, axis=-1"),
        ("np.meshgrid(*[line] * dim, indexing=\"ij\")", "[line] * dim"),
        ("return points,", "return points[:, 0],"),
        ("return points, density / np.sum(density)", "return points"),
    ],
    "bounds.log_marginal": [
        ("log_weights(weights) + ", ""),
        ("log_weights(weights) + ", "weights + "),
        ("log_sum_exp(log_joint, axis=-1)",
         "np.log(np.sum(np.exp(log_joint), axis=-1))"),
        ("log_weights(weights) + p.log_prob(rows, z)", "weights * p.log_prob(rows, z)"),
        ("log_sum_exp(log_joint, axis=-1)", "np.sum(weights * (log_joint - "
         "log_weights(weights)), axis=-1)"),
        ("log_sum_exp(log_joint, axis=-1)", "log_sum_exp(log_joint, axis=-2)"),
        ("p.log_prob(rows, z)", "stop_gradient(p.log_prob(rows, z))"),
        ("np.reshape(x, (*x.shape[:-3], -1, 1, x.shape[-1]))", "x[..., None, :]"),
        ("(*x.shape[:-3], -1, 1, x.shape[-1])", "(-1, 1, x.shape[-1])"),
        ("return np.reshape(log_px, log_px.shape[:-1] + x.shape[-3:-1])",
         "return np.reshape(log_px, x.shape[:-1])"),
        ("return np.reshape(log_px, log_px.shape[:-1] + x.shape[-3:-1])",
         "return log_px"),
        ("p.log_prob(rows, z)", "p.log_prob(stop_gradient(rows), z)"),
    ],
    "bounds.information": [
        (" * dx", ""),
        ("weights * np.exp", "np.exp"),
        ("return log_marginal(p, x, z, weights)", "return normal.log_prior(x)"),
        ("np.exp(p.log_prob(x, z))", "p.log_prob(x, z)"),
        ("return upper_bound", "return -upper_bound"),
        ("np.exp(p.log_prob(x, z))", "np.exp(stop_gradient(p.log_prob(x, z)))"),
        ("x_grid[:, None]", "x_grid"),
    ],
    "bounds.elbo_terms": [
        ("reconstruction = p.log_prob(x, z)",
         "reconstruction = p.log_prob(x, stop_gradient(z))"),
        ("sample_with_kl(x, eps)", "sample_with_kl(x, 0 * eps)"),
        ("return reconstruction, kl", "return kl, reconstruction"),
        ("return reconstruction, kl", "return reconstruction, -kl"),
        ("return reconstruction, kl", "return reconstruction - kl"),
        ("p.log_prob(x, z)", "p.log_prob(z, x)"),
        ("return reconstruction, kl", "return reconstruction, stop_gradient(kl)"),
        ("sample_with_kl(x, eps)", "sample_with_kl(x, -eps)"),
        ("sample_with_kl(x, eps)", "sample_with_kl(x, np.abs(eps))"),
    ],
    "bounds.elbo": [
        ("reconstruction - kl", "reconstruction + kl"),
        ("reconstruction - kl", "reconstruction"),
        ("reconstruction - kl", "kl - reconstruction"),
        ("reconstruction - kl", "reconstruction - 0.5 * kl"),
        ("expectation(reconstruction - kl, weights)",
         "np.mean(reconstruction - kl, axis=(-2, -1))"),
        ("expectation(reconstruction - kl, weights)",
         "np.sum(weights * (reconstruction - kl))"),
        ("reconstruction - kl", "reconstruction - stop_gradient(kl)"),
        ("return expectation", "return stop_gradient(expectation"
                               "(reconstruction - kl, weights)) + 0 * expectation"),
    ],
    "adam.Adam.step": [
        ("self.t += 1\n", "pass\n"),
        ("    m *= BETA1\n", "    self.t += 1\n    m *= BETA1\n"),
        ("self.t += 1\nfor a, g, m, v in zip(self.arrays, gradients, self.m, self.v):",
         "for a, g, m, v in zip(self.arrays, gradients, self.m, self.v):\n"
         "    self.t += 1"),
        ("m / (1 - BETA1 ** self.t)", "m"),
        ("v / (1 - BETA2 ** self.t)", "v"),
        ("(1 - BETA2 ** self.t)", "(1 - BETA1 ** self.t)"),
        ("g ** 2", "g"),
        ("g ** 2", "np.abs(g)"),
        ("a +=", "a = a +"),
        ("a +=", "a -="),
        ("np.sqrt(v_hat)", "v_hat"),
        ("learning_rate *", "0.03 *"),
        ("m += (1 - BETA1) * g", "m += BETA1 * g"),
        ("m *= BETA1\n", "pass\n"),
        ("in zip(self.arrays, gradients, self.m, self.v):",
         "in list(zip(self.arrays, gradients, self.m, self.v))[:1]:"),
        ("m *= BETA1\n", "m = BETA1 * m\n"),
        ("a += learning_rate * m_hat / (np.sqrt(v_hat) + EPSILON)",
         "a += learning_rate * m_hat / (np.sqrt(np.sum(v_hat)) + EPSILON)"),
        ("self.v):", "self.m):"),
        (" + EPSILON", ""),
        ("v += (1 - BETA2) * g ** 2", "g *= g\n    v += (1 - BETA2) * g"),
    ],
    "bounds.infomax": [
        ("entropy_of_z + ", ""),
        ("entropy_of_z + ", "-entropy_of_z + "),
        ("np.zeros(dim_z)", "np.zeros(1)"),
        ("r.log_prob(z, x)", "r.log_prob(x, z)"),
        ("r.log_prob(z, x)", "stop_gradient(r.log_prob(z, x))"),
        ("r.log_prob(z, x)", "r.log_prob(z, stop_gradient(x))"),
        ("expectation(r.log_prob(z, x), weights)", "np.mean(r.log_prob(z, x))"),
        ("expectation(r.log_prob(z, x), weights)",
         "np.sum(weights * r.log_prob(z, x))"),
        ("+ expectation", "- expectation"),
    ],
    "critics.Posterior.log_prob": [
        ("self.log_prior(z) + ", ""),
        ("self.log_prior(z) + ", "normal.log_prior(z) + "),
        ("- log_px", ""),
        ("- log_px", "+ log_px"),
        ("self.p.log_prob(x, z)", "self.p.log_prob(z, x)"),
        ("self.weights)", "np.full(len(self.weights), 1 / len(self.weights)))"),
        ("- log_px", "- stop_gradient(log_px)"),
        ("self.p.log_prob(x, z)", "stop_gradient(self.p.log_prob(x, z))"),
        ("self.log_prior(z)", "stop_gradient(self.log_prior(z))"),
        ("self.p.log_marginal(x, ", "self.p.log_marginal(z, "),
    ],
    "train.objectives": [
        ("x = scale_gradient(x, slope[..., None, None, None])", "pass"),
        ("weights = scale_gradient(weights, slope[..., None, None])", "pass"),
        ("x = scale_gradient(x, slope[..., None, None, None])",
         "x = scale_gradient(x, -slope[..., None, None, None])"),
        ("x = scale_gradient(x, slope[..., None, None, None])", "x = stop_gradient(x)"),
        ("weights = scale_gradient(weights, slope[..., None, None])",
         "weights = stop_gradient(weights)"),
        ("np.array([elbo, infomax])", "np.array([infomax, elbo])"),
        ("np.array([elbo, infomax])",
         "np.array([elbo, scale_gradient(infomax, slope)])"),
        ("np.array([elbo, infomax])", "np.array([elbo, slope * infomax])"),
        ("np.array([elbo, infomax])", "np.array([elbo + slope * infomax, infomax])"),
        ("np.array([elbo, infomax])", "elbo, infomax"),
        ("np.array([elbo, infomax])", "np.array([np.sum(elbo), np.sum(infomax)])"),
        ("slope[..., None, None, None]", "np.mean(slope)"),
        ("slope[..., None, None]", "np.mean(slope)"),
        ("bounds.elbo(p, q, *data)", "bounds.elbo(p, q, *prior)"),
        ("bounds.elbo(p, q, *data)", "bounds.elbo(p, r, *data)"),
        ("bounds.infomax(r, z, x, weights)", "bounds.infomax(q, z, x, weights)"),
        ("infomax = bounds.infomax(r, z, x, weights)",
         "infomax = stop_gradient(bounds.infomax(r, z, x, weights))"),
        ("x, weights = p.joint_nodes(z, eps, weights)", "x, _ = p.joint_nodes(z, eps, "
                                                        "weights)"),
    ],
    "penalty.Penalty.update, the slope": [
        ("slope = -self.C", "slope = self.C"),
        ("- self.multiplier\n", "\n"),
        ("- self.multiplier\n", "+ self.multiplier\n"),
        (" + self.MIN_WIDTH", ""),
        ("cosine_decay(step, self.steps)", "1.0"),
        ("self.target_at(step)", "self.targets"),
        ("np.clip(violation / width, -1, 1)", "violation / width"),
        ("np.clip(violation / width, -1, 1)", "np.sign(violation)"),
        ("np.clip(violation / width, -1, 1)", "np.clip(violation, -1, 1)"),
        ("np.where(np.isnan(self.targets), 0.0, slope)", "slope"),
        ("np.where(np.isnan(self.targets), 0.0, slope)",
         "np.where(np.isnan(self.targets), self.C, slope)"),
        ("_, infomax = values", "infomax, _ = values"),
        ("self.slope = np.where", "return np.where"),
    ],
    "penalty.Penalty.update, C and multiplier": [
        ("width / 4", "width"),
        ("width / 4", "0"),
        ("width / 4", "self.WIDTH / 4"),
        ("np.where(is_large, self.C * growth_per_step, self.C)",
         "self.C * growth_per_step"),
        ("np.where(is_large, self.C * growth_per_step, self.C)", "self.C"),
        ("self.growth ** (1 / self.steps)", "self.growth"),
        ("self.growth ** (1 / self.steps)", "1 + self.growth / self.steps"),
        ("np.abs(violation)", "violation"),
        ("np.clip(violation, -1, 1)", "violation"),
        ("self.multiplier_rate / self.steps", "self.multiplier_rate"),
        ("self.multiplier + rate", "self.multiplier - rate"),
        ("self.multiplier + rate", "rate"),
        ("slope = -self.C", "slope = -self.C / np.where(is_large, growth_per_step, 1)"),
        ("- self.multiplier\n",
         "- self.multiplier + rate * np.clip(violation, -1, 1)\n"),
        ("np.where(np.isnan(self.targets), 0.0, slope)", "slope"),
    ],
}
# Other ways to write a body that are as right.
RIGHT = {
    "normal.entropy": """
        return np.sum(0.5 * (log_var + np.log(2 * np.pi * np.e)), -1)""",
    "normal.log_prob": """
        u = (x - mean) / np.exp(0.5 * log_var)
        return np.sum(-0.5 * u * u - 0.5 * log_var - 0.5 * LOG_2PI, -1)""",
    "normal.sample": """
        return eps * np.sqrt(np.exp(log_var)) + mean""",
    "nets.net": """
        W, b, V, c = params
        return np.tanh(inputs @ W + b) @ V + c""",
    "quadrature.grid": """
        shift = shift * np.ones(dim)
        columns = np.meshgrid(*[half_width * (2 * (np.arange(n) + s) / n - 1)
                                for s in shift])
        points = np.stack([column.ravel() for column in columns], axis=1)
        log_density = -0.5 * np.sum(points ** 2, axis=1)
        weights = np.exp(log_density - np.max(log_density))
        return points, weights / weights.sum()""",
    "bounds.log_marginal": """
        in_front = x.shape[:-3]
        rows = np.reshape(x, in_front + (-1, x.shape[-1]))
        log_terms = np.log(weights) + p.log_prob(rows[..., None, :], z)
        log_px = log_sum_exp(log_terms, axis=log_terms.ndim - 1)
        return np.reshape(log_px, log_px.shape[:-1] + x.shape[len(in_front):-1])""",
    "bounds.information": """
        log_pxz = p.log_prob(x_grid[:, None], z)
        log_px = log_marginal(p, x_grid, z, weights)[:, None]
        return np.sum(weights * dx * np.exp(log_pxz) * (log_pxz - log_px))""",
    "bounds.elbo_terms": """
        mean, log_var = q.mean_and_log_var(x)
        z = normal.sample(mean, log_var, eps)
        return p.log_prob(x, z), normal.kl_to_standard(mean, log_var)""",
    "adam.Adam.step": """
        self.t = self.t + 1
        for k, g in enumerate(gradients):
            self.m[k] = 0.9 * self.m[k] + 0.1 * g
            self.v[k] = 0.95 * self.v[k] + 0.05 * g * g
            step = self.m[k] / (1 - 0.9 ** self.t)
            self.arrays[k][...] += learning_rate * step / (
                np.sqrt(self.v[k] / (1 - 0.95 ** self.t)) + 1e-8)""",
    "bounds.infomax": """
        terms = r.log_prob(z, x) + normal.entropy(np.zeros(z.shape[-1]))
        return np.sum(weights * terms, (-2, -1))""",
    "penalty.Penalty.update": """
        d = values[1] - self.target_at(step)
        width = self.WIDTH * cosine_decay(step, self.steps) + self.MIN_WIDTH
        for k in range(len(d)):
            if abs(d[k]) > width / 4:
                self.C[k] *= self.growth ** (1 / self.steps)
            self.multiplier[k] += (self.multiplier_rate / self.steps
                                   * max(-1, min(1, d[k])))
            self.slope[k] = 0
            if not np.isnan(self.targets[k]):
                self.slope[k] = (-self.C[k] * max(-1, min(1, d[k] / width))
                                 - self.multiplier[k])""",
}
# A wrong body, words that its message has, and words that it does not have.
HINTS = [
    ("normal.entropy", "0.5 *", "", "twice", "sign"),
    ("normal.sample", "0.5 * log_var", "log_var", "is its square root", "$"),
    ("normal.sample", "return mean +", "return", "should be 2.25, yours is 0.25",
     "square root"),
    ("normal.kl_to_standard", "return", "return -", "the opposite sign", "twice"),
    ("bounds.log_marginal", "log_weights(weights) + ", "", "without the weights",
     "exp("),
    ("bounds.log_marginal", "log_sum_exp(log_joint, axis=-1)",
     "np.sum(weights * (log_joint - log_weights(weights)), axis=-1)",
     "the mean of log p(x|z)", "exp("),
    ("bounds.log_marginal", "log_sum_exp(log_joint, axis=-1)",
     "np.log(np.sum(np.exp(log_joint), axis=-1))", "exp(-800) is 0", "weights"),
    ("bounds.elbo_terms", "p.log_prob(x, z)", "p.log_prob(x, stop_gradient(z))",
     "a derivative by q", "$"),
    ("adam.Adam.step", "a +=", "a = a +", "in place", "downhill"),
    ("adam.Adam.step", "a +=", "a -=", "downhill", "in place"),
    ("train.objectives", "x = scale_gradient(x, slope[..., None, None, None])", "pass",
     "of ELBO + I^, without the slope", "alone"),
    ("train.objectives", "np.array([elbo, infomax])",
     "np.array([elbo, scale_gradient(bounds.infomax(r, z, *p.joint_nodes(*prior)), "
     "slope)])", "r should climb I^", "alone"),
    ("penalty.Penalty.update, the slope", " + self.MIN_WIDTH", "", "MIN_WIDTH", "$"),
    ("penalty.Penalty.update, the slope", "cosine_decay(step, self.steps)", "1.0",
     "step 51", "MIN_WIDTH"),
]


# What a check says

def check_of(what):
    """The check of this name."""
    for checks in parts.PARTS.values():
        for name, check_function in checks:
            if name == what:
                return check_function


def run_part(number):
    """The checks of a part, without its training."""
    for name, check_function in parts.PARTS[number]:
        if check_function not in TRAININGS:
            check_function()


def put_body(monkeypatch, name, body):
    """Put a function with this body into the package."""
    right = resolve_name(f"minimae.{name}")
    head = textwrap.dedent(inspect.getsource(right)).split('"""')[0].rstrip()
    made = {**right.__globals__, "stop_gradient": bounds.stop_gradient}
    exec(f"{head}\n{textwrap.indent(textwrap.dedent(body), '    ')}", made)
    monkeypatch.setattr(f"minimae.{name}", made[right.__name__])


def replace_in_body(monkeypatch, name, old, new):
    """Put a function into the package whose body has new in the place of old."""
    right = resolve_name(f"minimae.{name}")
    body = textwrap.dedent(inspect.getsource(right).split('"""')[2])
    assert old in body
    put_body(monkeypatch, name, body.replace(old, new))


def test_the_mistakes_are_many():
    assert sum(len(mistakes) for mistakes in MISTAKES.values()) >= 108


@pytest.mark.parametrize("what", MISTAKES)
def test_wrong_bodies_are_caught_where_they_are_written(what, monkeypatch):
    passed = []
    for old, new in MISTAKES[what]:
        with monkeypatch.context() as patch, np.errstate(all="ignore"):
            replace_in_body(patch, what.split(",")[0], old, new)
            try:
                check_of(what)()
                passed.append((old, new))
            except (Wrong, ValueError, TypeError, AttributeError, IndexError):
                pass
    assert not passed


@pytest.mark.parametrize("name", RIGHT)
def test_other_right_bodies_pass(name, monkeypatch):
    put_body(monkeypatch, name, RIGHT[name])
    for number in "12345":
        run_part(number)


@pytest.mark.parametrize("what, old, new, words, other_words", HINTS)
def test_a_hint_is_shown_if_it_is_the_cause(what, old, new, words, other_words,
                                            monkeypatch):
    replace_in_body(monkeypatch, what.split(",")[0], old, new)
    with pytest.raises(Wrong) as error, np.errstate(all="ignore"):
        check_of(what)()
    assert words in str(error.value)
    assert other_words not in str(error.value)


@pytest.mark.parametrize("number", "12345")
def test_a_part_needs_no_later_one_and_a_training_that_learns(number, monkeypatch):
    def short(problem, targets, steps, **settings):
        return learn(problem, targets, steps=1, **settings)

    def blank(*arguments):
        pytest.fail("a function of a later part")

    learn = train.train
    monkeypatch.setattr(train, "train", short)
    here = list(build_it.PARTS[int(number) - 1][1])
    for _, functions in build_it.PARTS[int(number):]:
        for name in functions:
            if name not in here:
                monkeypatch.setattr(f"minimae.{name}", blank)
    run_part(number)
    for _, check_function in parts.PARTS[number]:
        if check_function in TRAININGS:
            with pytest.raises(Wrong, match="at the end: should be"):
                check_function()


# The folder

def build(folder, name):
    """Build a folder of this name in a folder."""
    cli.main(build_it.run, build_it.PARSER, [str(folder / name)])


def sources(folder):
    """The texts of the modules in a folder, by their names."""
    return {path.name: path.read_text("utf-8") for path in folder.glob("*.py")}


def write(folder, *modules):
    """Write the right bodies into these modules of the package in a folder."""
    for module in modules:
        text = (PACKAGE / f"{module}.py").read_text("utf-8")
        (folder / "minimae" / f"{module}.py").write_text(text, "utf-8")


def all_names():
    """The functions to write, sorted."""
    names = set()
    for _, functions in build_it.PARTS:
        names.update(functions)
    return sorted(names)


@pytest.fixture
def mine(tmp_path):
    """A folder as it is built."""
    build(tmp_path, "mine")
    return tmp_path / "mine"


def test_only_the_functions_of_the_page_are_blank(mine):
    page = (mine / "README.md").read_text("utf-8")
    texts = sources(mine / "minimae")
    assert texts.keys() == sources(PACKAGE).keys()
    n_blanks = sum(text.count("raise NotImplementedError") for text in texts.values())
    assert n_blanks == len(all_names()) == 15
    for name in all_names():
        module = name.split(".")[0]
        formula = inspect.getdoc(resolve_name(f"minimae.{name}")).splitlines()[0]
        assert f"- `{name}`: " in page
        assert formula in texts[f"{module}.py"]
        assert f'"write {name} (minimae/{module}.py)"' in texts[f"{module}.py"]


@pytest.mark.skipif(os.name == "nt", reason="these are the rules of a Unix shell")
@pytest.mark.parametrize("name", ["o'neil", "R&D", "x(1)", "a$HOME", "my own", "{b}"])
def test_the_command_on_the_page_can_be_pasted(name, tmp_path, capsys):
    build(tmp_path, name)
    command = capsys.readouterr().out.splitlines()[-1].strip()
    page = (tmp_path / name / "README.md").read_text("utf-8")
    assert f"\n    {command}\n" in page
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    assert words == [sys.executable, str(tmp_path / name / "check.py"), "1"]


@pytest.mark.parametrize("error, status", [(OSError(28, "No space left on device"), 1),
                                           (KeyboardInterrupt(), 130)])
def test_half_a_folder_is_removed(error, status, tmp_path, monkeypatch, capsys):
    def fail(command):
        raise error
    monkeypatch.setattr(build_it, "page", fail)
    with pytest.raises(SystemExit) as end:
        build(tmp_path, "mine")
    assert end.value.code == status
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    build(tmp_path, "mine")


def test_a_folder_that_is_there_stays_as_it_is(mine, capsys):
    (mine / "README.md").write_text("notes")
    for folder, name in [(mine, ""), (mine / "no such", "folder")]:
        with pytest.raises(SystemExit) as end:
            build(folder, name)
        assert end.value.code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert (mine / "README.md").read_text() == "notes"


def test_files_of_a_read_only_checkout_can_be_edited(tmp_path, monkeypatch):
    lesson = tmp_path / "demos" / "lesson"
    shutil.copytree(LESSON, lesson, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PACKAGE, tmp_path / "minimae")
    for path in tmp_path.rglob("*.*"):
        path.chmod(0o444)
    monkeypatch.setattr(build_it, "LESSON", lesson)
    build(tmp_path, "mine")
    for path in [tmp_path / "mine", *tmp_path.joinpath("mine").rglob("*")]:
        assert path.stat().st_mode & stat.S_IWUSR


# The command

def run_check(mine, monkeypatch, *arguments):
    """The exit status of check.py of this folder.  It runs in this process, in which
    another minimae is imported, as in a notebook."""
    monkeypatch.setattr(check, "FOLDER", mine)
    return check.main(list(arguments))


def test_from_the_first_blank_to_figure_6(mine, monkeypatch, capsys):
    assert run_check(mine, monkeypatch, "1") == 1
    assert capsys.readouterr().out == ("part 1: write normal.entropy "
                                       "(minimae/normal.py)\n")
    write(mine, *[path.stem for path in PACKAGE.glob("*.py")])
    assert run_check(mine, monkeypatch) == 0
    assert "part 6 is right" in capsys.readouterr().out
    assert (mine / "figure6.png").stat().st_size > 10_000


def test_an_edit_counts_at_once(mine, monkeypatch, capsys):
    """Python would take the compiled file of an edit ago for new: the source has the
    same time and size."""
    write(mine, "normal", "nets", "quadrature")
    path = mine / "minimae" / "normal.py"
    compileall.compile_dir(mine / "minimae", quiet=1)
    time = path.stat().st_mtime_ns
    path.write_text(path.read_text("utf-8").replace("LOG_2PI + 1, ", "LOG_2PI + 2, "))
    os.utime(path, ns=(time, time))
    assert run_check(mine, monkeypatch, "1") == 1
    assert "normal.entropy" in capsys.readouterr().out


def test_a_verdict_depends_on_no_setting(mine):
    """Not on -O, and not on the folder from which it is called.  The package in
    PYTHONPATH is right."""
    write(mine, "normal", "nets", "quadrature")
    path = mine / "minimae" / "normal.py"
    path.write_text(path.read_text("utf-8").replace("LOG_2PI + 1, ", "LOG_2PI + 2, "))
    settings = {**os.environ, "PYTHONOPTIMIZE": "2", "PYTHONSAFEPATH": "1",
                "PYTHONPATH": f"{PACKAGE.parent}{os.pathsep}{mine.parent}"}
    run = subprocess.run([sys.executable, "-m", "mine.check", "1"], cwd=mine.parent,
                         env=settings, text=True, stdout=subprocess.PIPE)
    assert run.returncode == 1
    assert run.stdout.startswith("part 1: normal.entropy(")


def test_another_package_is_not_judged(monkeypatch, capsys):
    monkeypatch.setattr(parts, "FOLDER", LESSON.parent)
    (monkeypatch.setattr(Path, "samefile", lambda *_: False))
    with pytest.raises(SystemExit) as end:
        parts.main()
    assert end.value.code == 2
    assert f"Python imports minimae from {PACKAGE}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments, words", [
    (["7"], "'7': give parts from 1 to 6"), (["--part", "1"], "'--part'"),
    (["1"], "use the check.py that build_it.py made")])
def test_what_cannot_be_checked_is_refused_in_a_line(arguments, words, capsys):
    assert check.main(arguments) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


def test_help(capsys):
    assert check.main(["--help"]) == 0
    assert "python check.py 1" in capsys.readouterr().out


@pytest.mark.parametrize("error, status, words", [
    (KeyboardInterrupt(), 130, "check.py: interrupted\n"),
    (BrokenPipeError(), 1, ""),
    (OSError(28, "No space left on device"), 2, "check.py: No space left on device\n")])
def test_what_ends_a_check(error, status, words, mine, monkeypatch, capsys):
    """Ctrl-C, `| head` and `> /dev/full` end the process that checks as well."""
    def fail(text):
        raise error

    class Process(subprocess.Popen):
        def __init__(self, *arguments, **settings):
            super().__init__(*arguments, **settings)
            started.append(self)

    started = []
    monkeypatch.setattr(check, "say", fail)
    monkeypatch.setattr(subprocess, "Popen", Process)
    assert run_check(mine, monkeypatch, "1") == status
    assert capsys.readouterr().err == words
    assert started[0].returncode is not None

//! Stamps the program with the sources it is built from: the commit and whether they differ from it, the version of Burn, and
//! the compiler. Without git, or outside a checkout of this project, the commit is unknown.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What decides the numbers of the program.
const SOURCES: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "build.rs", "src", "baselines", "datasets", "reports", "vocabulary"];

fn main() {
    let home = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    for source in SOURCES.iter().filter(|source| home.join(source).exists()) {
        println!("cargo::rerun-if-changed={source}");
    }
    let (commit, dirty) = commit(&home).unwrap_or_default();
    println!("cargo::rustc-env=BENCH_COMMIT={commit}");
    println!("cargo::rustc-env=BENCH_DIRTY={dirty}");
    println!("cargo::rustc-env=BENCH_BURN={}", locked_version(&home, "burn").unwrap_or_default());
    println!("cargo::rustc-env=BENCH_RUSTC={}", compiler().unwrap_or_default());
    link_without_llvm();
}

/// Links although LLVM is missing, where `BENCH_WITHOUT_LLVM` asks for it.
///
/// Burn's crates for CUDA download LLVM while they are built, unless `DOCS_RS` is set, and then the linker does not find it. Kernels
/// are compiled through CUDA C++ and NVRTC, so that nobody calls it; who did would end with `undefined symbol`.
fn link_without_llvm() {
    println!("cargo::rerun-if-env-changed=BENCH_WITHOUT_LLVM");
    if env::var_os("BENCH_WITHOUT_LLVM").is_some() {
        for argument in ["-Wl,--unresolved-symbols=ignore-all", "-Wl,-z,lazy"] {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
}

/// The commit of the sources and whether they have changes, where `home` is the top of a checkout: an archive unpacked within
/// another repository does not have that one's commit.
fn commit(home: &Path) -> Option<(String, bool)> {
    let top = git(home, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(home).ok()? {
        return None;
    }
    // A commit, a checkout or a reset; in a worktree these files lie elsewhere. A file that is not there would have the
    // stamp made anew at every build.
    let mut watched = vec!["HEAD".to_owned(), "logs/HEAD".to_owned(), "packed-refs".to_owned()];
    watched.extend(git(home, &["symbolic-ref", "--quiet", "HEAD"]));
    for name in watched {
        if let Some(file) = git(home, &["rev-parse", "--git-path", &name]).map(|file| home.join(file))
            && file.is_file()
        {
            println!("cargo::rerun-if-changed={}", file.display());
        }
    }
    let commit = git(home, &["rev-parse", "--verify", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--untracked-files=all", "--"];
    status.extend(SOURCES);
    let dirty = git(home, &status).is_none_or(|changes| !changes.is_empty());
    Some((commit, dirty))
}

/// What git says in `home`, whatever repository the environment speaks of.
fn git(home: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    let output = command.env("GIT_OPTIONAL_LOCKS", "0").current_dir(home).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The version of `package` in `Cargo.lock`.
fn locked_version(home: &Path, package: &str) -> Option<String> {
    let lock = fs::read_to_string(home.join("Cargo.lock")).ok()?;
    let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    let version = lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')?;
    Some(version.to_owned())
}

/// The version of the compiler, e.g. `1.95.0`.
fn compiler() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    String::from_utf8(output.stdout).ok()?.split_whitespace().nth(1).map(str::to_owned)
}

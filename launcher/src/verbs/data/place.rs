//! Where rows are: in prepared shards, in a run, or nowhere yet; then they are made to be looked at.

use super::vocabulary;
use crate::cli;
use crate::display::Display;
use crate::error::{Error, exit};
use crate::store;
use data_pipeline::corpus::Corpus;
use data_pipeline::prepare::{
    Kind, PrepareConfig, PreparePlan, Progress, Removed, Source, prepare,
};
use data_pipeline::shard::ShardSet;
use data_pipeline::tokenizer::Tokenizer;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;
use trainer::recipe::Phase;
use trainer::{Recipe, RunDir};

/// The rows of one phase, opened.
pub struct Rows {
    /// What they are called: the folder of the shards, the phase, the dataset.
    pub name: String,
    /// The rows.
    pub shards: ShardSet,
    /// The vocabulary that they were made with.
    pub tokenizer: Tokenizer,
    /// Holds rows that were made to be looked at only.
    _made: Option<TempDir>,
}

/// Where the rows of one phase are.
pub enum Place {
    /// A folder of shards.
    Prepared(PathBuf),
    /// A phase of a recipe that nobody prepared.
    Recipe(Box<(Recipe, Phase)>),
    /// A split of a declared corpus.
    Dataset {
        /// Its declaration.
        declaration: PathBuf,
        /// The split; without it `train`, or the first one.
        split: Option<String>,
    },
}

/// The places that `args` mean, in the order of the phases.
pub fn places(args: &cli::Inspect) -> Result<Vec<Place>, Error> {
    let source = &store::shards::local(Path::new(&args.source), &args.data.cache.folder())?;
    if source.join("manifest.json").is_file() {
        return Ok(vec![Place::Prepared(source.to_owned())]);
    }
    if source.is_dir() {
        let folders = prepared(&RunDir::new(source))?;
        return chosen(args, folders, |folder| name_of(folder), Place::Prepared);
    }
    if source.extension().is_some_and(|extension| extension == "toml") && !is_declaration(source)? {
        let recipe = Recipe::load(source, &args.sets)?;
        trainer::prepare::check(&recipe)?;
        let phases: Vec<(usize, Phase)> = recipe.phase.iter().cloned().enumerate().collect();
        return chosen(
            args,
            phases,
            |(index, phase)| format!("{index}-{}", phase.name),
            |(_, phase)| Place::Recipe(Box::new((recipe.clone(), phase))),
        );
    }
    dataset(args).map(|place| vec![place])
}

/// Opens `place`, making the rows first if nobody has.
pub fn open(place: &Place, args: &cli::Inspect) -> Result<Rows, Error> {
    let named = args.tokenizer.as_deref();
    let given = |path: &Path| vocabulary::tokenizer(path, &args.data);
    match place {
        Place::Prepared(folder) => {
            let shards = ShardSet::open(folder)?;
            // `RUN/prepared/PHASE` and `RUN/tokenizer` lie in one run directory.
            let beside = folder.join("../../tokenizer");
            let tokenizer = given(named.unwrap_or(&beside))?;
            fitting(&shards, &tokenizer)?;
            Ok(Rows { name: name_of(folder), shards, tokenizer, _made: None })
        }
        Place::Recipe(both) => {
            let (recipe, phase) = &**both;
            let data_root = &store::data_root(&args.data, || store::of_recipe(recipe, |_| true))?;
            let tokenizer = match named {
                Some(path) => given(path)?,
                None => trainer::prepare::vocabulary(recipe, data_root)?,
            };
            made(phase.name.clone(), tokenizer, |tokenizer, out, progress| {
                trainer::prepare::phase(recipe, phase, tokenizer, data_root, out, progress)?;
                Ok(())
            })
        }
        Place::Dataset { declaration, split } => {
            let Some(path) = named else {
                let message = format!("rows of `{}` need a tokenizer", args.source);
                return Err(Error::new(exit::USAGE, message)
                    .hint("--tokenizer names its file, its directory, or a recipe that has one"));
            };
            let wanted = || Ok(store::of_datasets(std::slice::from_ref(declaration), true));
            let data_root = &store::data_root(&args.data, wanted)?;
            let corpus = Corpus::load(declaration, data_root)?;
            let plan = plan_of(&corpus, declaration, split.as_deref(), data_root);
            let name = plan.datasets.first().map(Source::to_string).unwrap_or_default();
            made(name, given(path)?, |tokenizer, out, progress| {
                prepare(&plan, tokenizer, out, progress)?;
                Ok(())
            })
        }
    }
}

/// Folders of a run that hold shards, in the order of the phases.
fn prepared(run_dir: &RunDir) -> Result<Vec<PathBuf>, Error> {
    let root = run_dir.root().join("prepared");
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(&root).into_iter().flatten() {
        let path = entry.map_err(data_pipeline::Error::read(&root))?.path();
        if path.join("manifest.json").is_file() {
            folders.push(path);
        }
    }
    let number = |folder: &PathBuf| -> Option<usize> {
        name_of(folder).split_once('-').and_then(|(number, _)| number.parse().ok())
    };
    folders.sort_by_key(|folder| (number(folder), folder.clone()));
    if folders.is_empty() {
        let root = run_dir.root().display();
        let message = format!("`{root}` holds no prepared shards");
        return Err(Error::new(exit::DECLARATION, message)
            .hint("`knowcoder data prepare` writes them; a recipe can be looked at without them"));
    }
    Ok(folders)
}

/// What `--phase` means of `found`; without it the last one, or all where a row is looked for.
fn chosen<T>(
    args: &cli::Inspect,
    mut found: Vec<T>,
    name: impl Fn(&T) -> String,
    place: impl Fn(T) -> Place,
) -> Result<Vec<Place>, Error> {
    let Some(wanted) = &args.phase else {
        if args.id.is_none() && args.find.is_none() {
            found.drain(..found.len().saturating_sub(1));
        }
        return Ok(found.into_iter().map(place).collect());
    };
    let names: Vec<String> = found.iter().map(name).collect();
    let is_wanted = |name: &String| {
        let parts = name.split_once('-');
        name == wanted || parts.is_some_and(|(index, rest)| index == wanted || rest == wanted)
    };
    match names.iter().position(is_wanted) {
        Some(index) => Ok(vec![place(found.swap_remove(index))]),
        None => {
            let message = format!("`{}` has no phase `{wanted}`", args.source);
            let hint = format!("it has `{}`", names.join("`, `"));
            Err(Error::new(exit::USAGE, message).hint(hint))
        }
    }
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// Whether a TOML file declares a corpus; a recipe has no reader.
fn is_declaration(path: &Path) -> Result<bool, Error> {
    if !path.is_file() {
        return Ok(false);
    }
    let text = std::fs::read_to_string(path).map_err(data_pipeline::Error::read(path))?;
    // What is no TOML is explained by who reads it as a recipe.
    Ok(text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("reader")))
}

/// `name`, `name:split` or a declaration's file.
fn dataset(args: &cli::Inspect) -> Result<Place, Error> {
    let (name, split) = match args.source.rsplit_once(':') {
        Some((name, split)) => (name, Some(split.to_owned())),
        None => (args.source.as_str(), None),
    };
    let folder = args.configs.join("datasets");
    let declaration = match name.ends_with(".toml") {
        true => PathBuf::from(name),
        false => folder.join(format!("{name}.toml")),
    };
    if declaration.is_file() {
        return Ok(Place::Dataset { declaration, split });
    }
    let message = format!(
        "`{}` is no run, no folder of shards, no recipe, and no dataset in `{}`",
        args.source,
        folder.display()
    );
    let error = Error::new(exit::DECLARATION, message);
    let known = super::known(&folder).unwrap_or_default();
    let known = known.iter().filter_map(|path| path.file_stem()?.to_str());
    Err(match data_pipeline::error::nearest(name, known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("shards lie in `RUN/prepared/PHASE`"),
    })
}

/// A split as a phase of its own, under the default settings.
fn plan_of(
    corpus: &Corpus,
    declaration: &Path,
    split: Option<&str>,
    data_root: &Path,
) -> PreparePlan {
    let first = || {
        let splits = corpus.splits();
        let train = splits.iter().find(|split| **split == "train");
        train.or(splits.first()).map_or_else(String::new, |split| (*split).to_owned())
    };
    PreparePlan {
        kind: if corpus.is_parallel() { Kind::Alignment } else { Kind::Instruction },
        datasets: vec![Source::Corpus {
            name: corpus.name().to_owned(),
            split: split.map_or_else(first, str::to_owned),
        }],
        declarations: declaration.parent().unwrap_or(Path::new("")).to_owned(),
        data_root: data_root.to_owned(),
        both_directions: false,
        benchmarks: Vec::new(),
        removed: Removed::new(),
        config: PrepareConfig::default(),
    }
}

/// Rows that are made in a folder which goes with them.
fn made(
    name: String,
    tokenizer: Tokenizer,
    make: impl Fn(&Tokenizer, &Path, &dyn Fn(Progress)) -> Result<(), Error>,
) -> Result<Rows, Error> {
    let temporary = std::env::temp_dir();
    let folder = tempfile::tempdir().map_err(data_pipeline::Error::write(&temporary))?;
    let display = RefCell::new(Display::new());
    let tell = |progress: Progress| {
        if let Progress::Groups { dataset, done, total } = progress {
            let what = format!("making rows of {dataset}");
            display.borrow_mut().advance(&what, done, total, "", Instant::now());
        }
    };
    let result = make(&tokenizer, folder.path(), &tell);
    display.borrow_mut().finish();
    result?;
    let shards = ShardSet::open(folder.path())?;
    Ok(Rows { name, shards, tokenizer, _made: Some(folder) })
}

/// Refuses a vocabulary whose pieces would be those of other ids.
fn fitting(shards: &ShardSet, tokenizer: &Tokenizer) -> Result<(), Error> {
    let (made_with, given) = (&shards.manifest().origin.tokenizer, tokenizer.fingerprint());
    if *made_with == given {
        return Ok(());
    }
    let message = format!(
        "the shards were made with tokenizer {made_with}, the one given is {given}: its text would \
         be nonsense"
    );
    Err(Error::new(exit::DATA, message).hint("--tokenizer names the right one"))
}

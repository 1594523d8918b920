//! Gradients of queries, keys and values.

use super::{Class, plain, tuned_for, written};
use burn_cubecl::CubeTuneId;
use burn_cubecl::cubecl::tune::{AutotuneOutput, LocalTuner, Tunable, TunableSet, TuneGroup};
use burn_cubecl::tensor::CubeTensor;
use cubek::attention::kernels::ScoreScale;
use cubek::attention_backward::kernels::tune::AttentionBackwardKey;
use cubek::attention_backward::kernels::{
    AttentionBackwardGradients, AttentionBackwardProblem, AttentionBackwardRoutine,
    AttentionBackwardTensors, CubeStagedAttentionBackwardRoutine,
    PlaneFragmentAttentionBackwardRoutine, UnitAttentionBackwardRoutine,
};
use cubek::std::Hardware;
use cubek::std::autotune::{Autotune, GroupPriority};

/// The fastest kernels; results lie in a file by this name.
static TUNER: LocalTuner<AttentionBackwardKey, CubeTuneId> =
    LocalTuner::new("knowcoder-attention-backward");

/// Both routines for tensor cores whose cubes own what they write, so that sums have one order. The third
/// one that cubek has adds up the queries' gradients with atomics: it is left out.
const STAGED: CubeStagedAttentionBackwardRoutine = CubeStagedAttentionBackwardRoutine;
const PLANES: PlaneFragmentAttentionBackwardRoutine = PlaneFragmentAttentionBackwardRoutine;

/// One backward pass, its results allocated.
#[derive(Clone)]
pub(super) struct Call {
    query: CubeTensor,
    operands: Operands,
}

/// What kernels are launched with. Clones have the same results, which whatever runs last has written.
#[derive(Clone)]
struct Operands {
    key: AttentionBackwardKey,
    tensors: AttentionBackwardTensors,
}

/// What the kernels wrote.
struct Gradients(AttentionBackwardGradients);

impl AutotuneOutput for Gradients {}

type Search = Autotune<AttentionBackwardKey, Operands, Gradients>;

impl Call {
    /// `None` for what no kernel takes on any device.
    pub(super) fn new(
        [q, k, v, mixed, gradient]: [CubeTensor; 5],
        sums: CubeTensor,
        class: &Class,
    ) -> Option<Self> {
        let tensors = AttentionBackwardTensors::new(
            &q.client,
            plain(q.clone()),
            plain(k),
            plain(v),
            plain(mixed),
            plain(gradient),
            plain(sums),
            ScoreScale::standard(class.head_dim).value(),
            class.visibility(),
        );
        Some(Self { query: q, operands: Operands { key: key(class), tensors: tensors.ok()? } })
    }

    /// The gradients by the fastest kernels, which are looked for where they are not known.
    pub(super) fn launch(self) -> [CubeTensor; 3] {
        let Self { query, operands } = self;
        let id = tuned_for(&query);
        let hardware = Hardware::from_client(&query.client);
        let kernels = TUNER.init(&id, move || search(&hardware));
        let Gradients(of) = TUNER.execute(&id, &query.client, kernels, operands);
        [of.query, of.key, of.value].map(|handle| written(handle, &query, query.dtype))
    }
}

/// What calls have in common that one measurement serves: lengths and rows up to a power of two.
pub(super) fn key(class: &Class) -> AttentionBackwardKey {
    AttentionBackwardKey::new(
        class.element,
        class.heads,
        class.key_value_heads,
        class.head_dim,
        class.head_dim,
        class.queries,
        class.keys,
        class.rows,
        class.visibility(),
    )
}

/// Settings that are measured where tensor cores can be staged for.
#[cfg(test)]
pub(super) fn candidates(hardware: &Hardware) -> usize {
    STAGED.settings(hardware).len()
}

/// Whether kernels for tensor cores of this hardware take such calls.
pub(super) fn suits(hardware: &Hardware, key: &AttentionBackwardKey) -> bool {
    let Ok(problem) = AttentionBackwardProblem::try_from(key) else { return false };
    takes(STAGED, hardware, &problem) || takes(PLANES, hardware, &problem)
}

fn takes<R: AttentionBackwardRoutine>(
    routine: R,
    hardware: &Hardware,
    problem: &AttentionBackwardProblem,
) -> bool {
    let settings = routine.settings(hardware);
    settings.iter().any(|settings| routine.prepare(hardware, problem, settings).is_ok())
}

/// What is measured, on the operands of the first call of a class: cubes that stage for all their planes;
/// where none of those runs, planes that read by themselves; and at last what every device has.
fn search(hardware: &Hardware) -> TunableSet<AttentionBackwardKey, Operands, Gradients> {
    let mut search = Search::new(|operands: &Operands| operands.key.clone());
    let staged = search.group("staged", GroupPriority::ABOVE_DEFAULT);
    let planes = search.group("planes", GroupPriority::DEFAULT);
    let search = with(search, &staged, STAGED, hardware);
    let search = with(search, &planes, PLANES, hardware);
    let routine = UnitAttentionBackwardRoutine;
    let plainest = tunable("unit", routine, routine.lead(hardware), hardware);
    search.floor(plainest).finish()
}

/// `search` with all settings of a routine.
fn with<R>(
    search: Search,
    group: &TuneGroup<AttentionBackwardKey>,
    routine: R,
    hardware: &Hardware,
) -> Search
where
    R: AttentionBackwardRoutine + Copy + Send + Sync + 'static,
    R::Settings: Send + Sync + 'static,
{
    routine.settings(hardware).into_iter().fold(search, |search, settings| {
        let name = settings.to_string();
        search.candidate(group, tunable(&name, routine, settings, hardware))
    })
}

fn tunable<R>(
    name: &str,
    routine: R,
    settings: R::Settings,
    hardware: &Hardware,
) -> Tunable<AttentionBackwardKey, Operands, Gradients>
where
    R: AttentionBackwardRoutine + Send + Sync + 'static,
    R::Settings: Send + Sync + 'static,
{
    let hardware = hardware.clone();
    Tunable::new(name, move |operands: Operands| {
        let launched = routine.launch_on(&hardware, operands.tensors, &settings);
        launched.map(Gradients).map_err(|why| format!("{settings}: {why:?}"))
    })
}

//! Numbers, answers and places of open questions.

use super::*;

#[test]
fn eight_are_open_and_no_number_comes_again() {
    let questions = Questions::default();
    let text: Arc<str> = "?".into();
    let mut begun: Vec<_> = (0..MOST_OPEN).map(|_| questions.begin(&text, false).ok().unwrap()).collect();
    assert!(matches!(questions.begin(&text, false), Err(Unanswered::TooMany)));
    begun.remove(3);
    assert_eq!(questions.begin(&text, false).ok().unwrap().number, 9);
    assert_eq!(questions.begin(&text, false).ok().unwrap().number, 10);
    drop(begun);
    assert_eq!(questions.list(), []);
}

#[test]
fn an_answer_reaches_the_question_that_it_names() {
    let questions = Questions::default();
    let text: Arc<str> = "?".into();
    let (dialog, terminal) =
        (questions.begin(&text, false).ok().unwrap(), questions.begin(&text, false).ok().unwrap());
    dialog.shown_at("display :0".to_owned());
    assert!(questions.answer(dialog.number, true).unwrap_err().contains("display :0"));
    let mut answer = terminal.answer();
    assert!(questions.answer(7, true).is_err());
    assert_eq!(answer.try_recv().ok(), None);
    assert_eq!(questions.answer(terminal.number, false), Ok(()));
    assert_eq!(answer.try_recv().ok(), Some(false));
    assert!(questions.answer(terminal.number, true).is_err(), "once");
    let number = terminal.number;
    drop(terminal);
    assert!(questions.answer(number, true).is_err());
}

#[test]
fn the_last_registration_is_the_first_and_all_survive_a_handover() {
    let questions = Questions::default();
    let at =
        |name: String| Registration { surroundings: Surroundings::default(), terminal: Some(name.into()) };
    (0..12).for_each(|number| questions.register(at(format!("/dev/pts/{number}"))));
    questions.register(at("/dev/pts/9".to_owned()));
    let names = |questions: &Questions| -> Vec<_> {
        questions.registered().into_iter().map(|known| known.terminal.unwrap()).collect()
    };
    assert_eq!(names(&questions).len(), MOST_REGISTERED);
    assert_eq!(
        names(&questions)[..3],
        ["/dev/pts/9", "/dev/pts/11", "/dev/pts/10"].map(std::path::PathBuf::from)
    );
    drop(questions.begin(&"?".into(), false));
    let mut saved = Vec::new();
    questions.save(&mut saved);
    let mut reader = Reader::new(&saved);
    let loaded = Questions::load(&mut reader).unwrap();
    reader.end().unwrap();
    assert_eq!(names(&loaded), names(&questions));
    assert_eq!(loaded.begin(&"?".into(), false).ok().unwrap().number, 2);
}
